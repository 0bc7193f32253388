//! Decides how one value becomes a dataset or an attribute, and back.

use super::{Raw, text};
use crate::io::tree::{Value, shaped};
use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor, VarLenUnicode};
use ::hdf5::{Dataset, File, H5Type, Location};
use ndarray::ArrayD;
use num_complex::{Complex, Complex64};
use std::str::FromStr;

fn unicode(s: &str) -> Raw<VarLenUnicode> {
    VarLenUnicode::from_str(s).map_err(|e| e.to_string())
}

pub(super) fn attribute(at: &Location, name: &str, value: &str) -> Raw<()> {
    let attribute = at.new_attr::<VarLenUnicode>().create(name).map_err(text)?;
    attribute.write_scalar(&unicode(value)?).map_err(text)
}

pub(super) fn read_attribute(dataset: &Dataset, name: &str) -> Raw<Option<String>> {
    if !dataset
        .attr_names()
        .map_err(text)?
        .iter()
        .any(|n| n == name)
    {
        return Ok(None);
    }
    let value = dataset
        .attr(name)
        .and_then(|a| a.read_scalar::<VarLenUnicode>())
        .map_err(text)?;
    Ok(Some(value.as_str().to_string()))
}

pub(super) fn write_value(file: &File, name: &str, value: &Value) -> Raw<Dataset> {
    fn array<T: H5Type + Clone>(file: &File, name: &str, a: &ArrayD<T>) -> Raw<Dataset> {
        let dataset = file
            .new_dataset::<T>()
            .shape(a.shape())
            .create(name)
            .map_err(text)?;
        if !a.is_empty() {
            dataset.write(a.as_standard_layout().view()).map_err(text)?;
        }
        Ok(dataset)
    }
    match value {
        Value::Real(a) => array(file, name, a),
        Value::Complex(a) => array(file, name, a),
        Value::Integer(a) => array(file, name, a),
        Value::Spin(a) => array(file, name, a),
        Value::Text(t) => {
            let dataset = file
                .new_dataset::<VarLenUnicode>()
                .create(name)
                .map_err(text)?;
            dataset.write_scalar(&unicode(t)?).map_err(text)?;
            Ok(dataset)
        }
        Value::Texts(list) => {
            let list = list.iter().map(|t| unicode(t)).collect::<Raw<Vec<_>>>()?;
            array(file, name, &shaped(&[list.len()], list))
        }
    }
}

/// The size of the parts of a complex type, a compound of two numbers called r and i.
pub(super) fn complex_parts(descriptor: &TypeDescriptor) -> Option<FloatSize> {
    [FloatSize::U4, FloatSize::U8].into_iter().find(|size| {
        let complex = match size {
            FloatSize::U4 => Complex::<f32>::type_descriptor(),
            _ => Complex64::type_descriptor(),
        };
        *descriptor == complex
    })
}

pub(super) fn read_value(dataset: &Dataset) -> Raw<Value> {
    fn array<T: H5Type + Clone>(dataset: &Dataset) -> Raw<ArrayD<T>> {
        let shape = dataset.get_shape().map_err(text)?;
        if shape.contains(&0) {
            return ArrayD::from_shape_vec(shape, Vec::new()).map_err(|e| e.to_string());
        }
        dataset.read_dyn::<T>().map_err(text)
    }
    let descriptor = dataset
        .dtype()
        .and_then(|t| t.to_descriptor())
        .map_err(text)?;
    match &descriptor {
        TypeDescriptor::Float(FloatSize::U8) => Ok(Value::Real(array(dataset)?)),
        TypeDescriptor::Integer(IntSize::U8) => Ok(Value::Integer(array(dataset)?)),
        TypeDescriptor::Integer(IntSize::U1) => Ok(Value::Spin(array(dataset)?)),
        TypeDescriptor::VarLenUnicode if dataset.is_scalar() => {
            let one = dataset.read_scalar::<VarLenUnicode>().map_err(text)?;
            Ok(Value::Text(one.as_str().to_string()))
        }
        TypeDescriptor::VarLenUnicode => Ok(Value::Texts(
            array::<VarLenUnicode>(dataset)?
                .iter()
                .map(|t| t.as_str().to_string())
                .collect(),
        )),
        other if *other == Complex64::type_descriptor() => Ok(Value::Complex(array(dataset)?)),
        other => Err(format!("the type {other} is none of this program's")),
    }
}
