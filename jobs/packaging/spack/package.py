# Spack recipe: nishina with the MPI, HDF5, BLAS and LAPACK of the site.
from spack.package import *


class Nishina(Package):
    """Variational Monte Carlo with neural-network quantum states, as one MPI batch program."""

    license("MIT OR Apache-2.0")

    version("main", branch="main")

    variant("tools", default=True, description="Draw pictures and show a run on a terminal")
    variant("scalapack", default=False, description="Solve matrices that no rank holds whole")

    depends_on("rust@1.89:", type="build")
    depends_on("llvm+clang", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("c", type="build")
    depends_on("mpi")
    depends_on("hdf5~mpi+hl@1.10:")
    depends_on("blas")
    depends_on("lapack")
    depends_on("scalapack", when="+scalapack")

    def setup_build_environment(self, env):
        spec = self.spec
        env.set("HDF5_DIR", spec["hdf5"].prefix)
        env.set("LIBCLANG_PATH", spec["llvm"].prefix.lib)
        libraries = spec["lapack"].libs + spec["blas"].libs
        env.set("NISHINA_BLAS", " ".join(list(libraries.directories) + list(libraries.names)))
        env.set("MPICC", spec["mpi"].mpicc)
        if spec.satisfies("+scalapack"):
            env.set("NISHINA_SCALAPACK", "scalapack")

    def install(self, spec, prefix):
        features = ["--features", "scalapack"] if spec.satisfies("+scalapack") else []
        if spec.satisfies("~tools"):
            features.append("--no-default-features")
        cargo = which("cargo")
        cargo("install", "--locked", "--path", ".", "--root", prefix, *features)
        nishina = Executable(join_path(prefix.bin, "nishina"))
        nishina("man", prefix.share.man.man1)
        install_tree("configs", prefix.share.nishina.configs)
        install_tree("jobs", prefix.share.nishina.jobs)

    @run_after("install")
    def smoke_test(self):
        nishina = Executable(join_path(self.prefix.bin, "nishina"))
        nishina("check", "configs/quickstart.toml", "--quick")
