//! Decides what a section is built from: the input, the kinds that it can name, and what the
//! sections of one input share.

use super::classical::ClassicalModel;
use super::plan::Plan;
use super::registry::Registry;
use super::vmc::Vmc;
use super::vmc::problem;
use crate::error::Result;
use crate::input::{self, Source};
use crate::io::sum::fnv1a;
use crate::run::{Calculation, Declaration, add_contents};
use crate::table::{Entry, schema_of};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// How much of an input a trial runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Ranks.
    pub ranks: usize,
    /// Chains over them.
    pub chains: usize,
    /// Samples of a chain in a step.
    pub per_chain: usize,
    /// Steps of an optimisation, at most.
    pub steps: usize,
    /// Whether an evolution runs to its end, instead of a few steps.
    pub whole_evolution: bool,
}

/// One line of the list of sections.
#[derive(Clone, Copy)]
pub struct Section {
    /// What the engine and the readers of files know of it.
    pub declaration: Declaration,
    /// JSON schema of its keys.
    pub schema: fn() -> serde_json::Value,
    /// Refuses keys that cannot work, before any physics is built. Of the input and the name of
    /// the section.
    pub validate: fn(&Source, &str) -> Result<()>,
    /// The keys with the defaults that other keys decide: what a checkpoint has to agree with. Of
    /// the input and the name of the section.
    pub effective: fn(&Source, &str) -> Result<toml::Table>,
    /// The keys, as `a.b=c`, that make a short trial of it.
    pub shorten: fn(&Source, &Extent) -> Result<Vec<String>>,
    /// Builds the calculation at its start.
    pub build: SectionBuild,
}

/// Builds a calculation at its start.
type SectionBuild = for<'a> fn(&World<'a>) -> Result<Box<dyn Calculation + 'a>>;

impl Section {
    /// A section with the keys `K`, of which all belong to the physics and any that can be read
    /// work; a trial runs the whole.
    pub const fn new<K: DeserializeOwned + JsonSchema>(
        declaration: Declaration,
        build: SectionBuild,
    ) -> Self {
        Section {
            declaration,
            schema: schema_of::<K>,
            validate: |source, name| source.section::<K>(name).map(drop),
            effective: Section::own_keys,
            shorten: |_, _| Ok(Vec::new()),
            build,
        }
    }

    /// [`Section::effective`] of a section whose keys decide all of themselves; files that they
    /// name count by their content.
    pub fn own_keys(source: &Source, name: &str) -> Result<toml::Table> {
        let table = source.table.get(name).and_then(toml::Value::as_table);
        let mut table = table.cloned().unwrap_or_default();
        add_contents(&mut table, &source.folder);
        Ok(table)
    }
}

impl Entry for Section {
    const WHAT: &'static str = "section";
    fn kind(&self) -> &'static str {
        self.declaration.name
    }
    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// What the sections of one input share, built on demand and once.
pub struct World<'a> {
    /// The input.
    pub source: &'a Source,
    /// The kinds that it can name.
    pub registry: Registry<'a>,
    /// Number of this rank, from 0.
    pub rank: usize,
    /// Number of ranks.
    pub size: usize,
    /// Bytes of the machine that each rank has to itself, the same on every rank.
    memory: f64,
    vmc: OnceCell<Rc<RefCell<Vmc<'a>>>>,
    plan: OnceCell<Plan>,
    classical: OnceCell<Rc<ClassicalModel>>,
}

impl<'a> World<'a> {
    /// Of an input, with nothing built yet.
    pub fn new(
        source: &'a Source,
        registry: &Registry<'a>,
        rank: usize,
        size: usize,
        memory: f64,
    ) -> Self {
        World {
            source,
            registry: *registry,
            rank,
            size,
            memory,
            vmc: OnceCell::new(),
            plan: OnceCell::new(),
            classical: OnceCell::new(),
        }
    }

    /// The keys of the section `name`; an error where the input has none.
    pub fn keys<K: DeserializeOwned>(&self, name: &str) -> Result<K> {
        let keys = self.source.section(name)?;
        keys.ok_or_else(|| input::missing_section(name))
    }

    /// The problem and the sampled wave function.
    pub fn vmc(&self) -> Result<Rc<RefCell<Vmc<'a>>>> {
        if let Some(vmc) = self.vmc.get() {
            return Ok(vmc.clone());
        }
        let problem = problem::problem(self.source, &self.registry)?;
        let vmc = Vmc::new(self.source, problem, self.rank, self.size)?;
        Ok(self.vmc.get_or_init(|| Rc::new(RefCell::new(vmc))).clone())
    }

    /// The classical spins, and what is kept of their configurations.
    pub fn classical(&self) -> Result<Rc<ClassicalModel>> {
        if let Some(model) = self.classical.get() {
            return Ok(model.clone());
        }
        let model = Rc::new(ClassicalModel::new(self.source, &self.registry)?);
        Ok(self.classical.get_or_init(|| model).clone())
    }

    /// Whether some section has asked for the sampled wave function.
    pub fn samples(&self) -> bool {
        self.vmc.get().is_some()
    }

    /// Sizes of a step, and the method of `[optimize]`.
    pub fn plan(&self) -> Result<&Plan> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let vmc = self.vmc()?;
        let vmc = vmc.borrow();
        let plan = Plan::new(
            self.source,
            &vmc.problem,
            &*vmc.ensemble,
            self.size,
            self.memory,
        )?;
        Ok(self.plan.get_or_init(|| plan))
    }

    /// The method of `[optimize]`, once a section has asked for it.
    pub fn method(&self) -> Option<&'static str> {
        let plan = self.plan.get()?;
        plan.method.as_ref().map(|method| method.kind)
    }

    /// Canonical TOML text of what all sections share, with which a checkpoint has to agree:
    /// steps, rates, samples, sweeps and the number of chains may differ.
    pub fn identity(&self) -> String {
        let mut identity = toml::Table::new();
        for section in ["basis", "lattice", "hamiltonian", "ansatz"] {
            if let Some(value) = self.source.table.get(section) {
                identity.insert(section.into(), value.clone());
            }
        }
        if let Some(toml::Value::Table(sampler)) = self.source.table.get("sampler") {
            let mut kept = sampler.clone();
            kept.retain(|key, _| matches!(key, "method" | "moves" | "tempering"));
            let sampler = self.source.input.sampler.as_ref();
            if let Some(sampler) = sampler.filter(|s| s.is_weighted()) {
                kept.insert("power".into(), toml::Value::Float(sampler.power));
            }
            identity.insert("sampler".into(), toml::Value::Table(kept));
        }
        if let Some(toml::Value::Table(disorder)) = self.source.table.get("disorder") {
            let mut kept = disorder.clone();
            kept.remove("realisations");
            identity.insert("disorder".into(), toml::Value::Table(kept));
        }
        let seed = toml::Value::Integer(self.source.input.seed as i64);
        identity.insert("seed".into(), seed);
        if let Some(model) = self.classical.get() {
            let digest = format!("{:016x}", fnv1a(format!("{:?}", model.energy).as_bytes()));
            identity.insert("energy_digest".into(), toml::Value::String(digest));
        }
        if let Some(vmc) = self.vmc.get() {
            // Input files count by what they say, not by their names.
            let operator = format!("{:?}", vmc.borrow().problem.hamiltonian);
            let digest = format!("{:016x}", fnv1a(operator.as_bytes()));
            identity.insert("hamiltonian_digest".into(), toml::Value::String(digest));
            if let Some(edges) = &vmc.borrow().problem.lattice.spec.edges {
                let digest = format!("{:016x}", fnv1a(format!("{edges:?}").as_bytes()));
                identity.insert("lattice_digest".into(), toml::Value::String(digest));
            }
        }
        identity.to_string()
    }

    /// What is known of the problem and not used by the input, a sentence each.
    pub fn unused(&self) -> Vec<String> {
        let vmc = self.vmc.get();
        vmc.map_or_else(Vec::new, |vmc| vmc.borrow().unused.clone())
    }

    /// What the log says before the first block.
    pub fn headlines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let ranks = match self.size {
            1 => "1 rank".to_string(),
            n => format!("{n} ranks"),
        };
        let title = &self.source.input.title;
        match self.vmc.get() {
            None => lines.push(format!("{title}: {ranks}")),
            Some(vmc) => {
                let vmc = vmc.borrow();
                lines.push(format!(
                    "{title}: {} sites, {:.4e} states, {} parameters, {ranks}",
                    vmc.sites(),
                    vmc.problem.basis.dimension(),
                    vmc.ensemble.parameters().len()
                ));
                lines.extend(vmc.tying.clone());
            }
        }
        lines.extend(
            self.unused()
                .into_iter()
                .map(|fact| format!("hint: {fact}")),
        );
        let mut kinds = Vec::new();
        for method in self.plan.get().into_iter().flat_map(Plan::methods) {
            // One line for each method, that of its first stage.
            if !kinds.contains(&method.kind) {
                kinds.push(method.kind);
                lines.push(format!("optimiser {} ({})", method.kind, method.reason));
            }
        }
        lines
    }
}
