"""The table of processes: who runs where."""

from ops.processes import PROCESSES, ProcessSpec, present


def test_a_process_whose_packages_are_not_installed_is_left_out() -> None:
    here = ProcessSpec("here", "ops.processes:main", 0, packages=("numpy",))
    gone = ProcessSpec("gone", "ops.processes:main", 0, packages=("numpy", "no_such_package"))
    older = ProcessSpec("older", "ops.no_such_module:main", 0)
    deeper = ProcessSpec("deeper", "no_such_folder.module:main", 0)
    assert present((here, gone, older, deeper)) == (here,)


def test_what_speaks_http_names_what_it_needs_and_everybody_else_needs_nothing() -> None:
    needs = {spec.name: spec.packages for spec in PROCESSES if spec.packages}
    assert needs == dict.fromkeys(("gateway", "admin"), ("aiohttp", "uvloop"))
