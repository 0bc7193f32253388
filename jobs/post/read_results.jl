# Reads a results file with HDF5.jl: julia read_results.jl X.h5
#
# Arrays have their indices in the opposite order of Python's: a dataset [chain, sample] is an array [sample, chain].
# Complex numbers arrive as ComplexF64.

using HDF5

h5open(ARGS[1]) do file
    sites = read(file["status/sites"])
    println(read(file["input/title"]), " - ", read(file["status/state"]))
    if haskey(file, "measure/energy/mean")
        energy = file["measure/energy"]
        println("E = ", read(energy["mean"]), " +- ", read(energy["error"]), "  (", sites, " sites)")
        series = read(energy["series"])            # [sample, chain]
        println("mean of the series ", sum(series) / length(series))
    end
    if haskey(file, "optimize/history")
        history = file["optimize/history"]
        for name in keys(history)
            column = read(history[name])
            println(rpad(name, 16), length(column), " steps, unit ", read_attribute(history[name], "unit"))
        end
    end
    for name in keys(file["parameters"])
        println("parameters ", name, ": ", size(file["parameters"][name]))
    end
end
