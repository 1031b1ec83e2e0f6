#!/usr/bin/env python3
"""What others say of `coordinator export bundle`: the RO-Crate validator of CRS4, the library rocrate, unzip and sha256sum.

    pip install roc-validator rocrate && python3 tests/reference/export_bundle.py [target/release/coordinator]
"""

import io
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import rocrate

CONTEXT = Path(rocrate.__file__).with_name("data") / "ro-crate.jsonld"
over_the_network = urllib.request.urlopen


def urlopen(request, *arguments, **named):
    """Without a network, the context of RO-Crate is the (newer) one that the library rocrate brings along."""
    url = getattr(request, "full_url", request)
    try:
        return over_the_network(request, *arguments, **named)
    except OSError:
        if "w3id.org/ro/crate" not in url:
            raise
        content = io.BytesIO(CONTEXT.read_bytes())
        return urllib.request.addinfourl(content, {"Content-Type": "application/ld+json"}, url, 200)


urllib.request.urlopen = urlopen

from rocrate.rocrate import ROCrate  # noqa: E402
from rocrate_validator import models, services  # noqa: E402

from export_sweep import simulated  # noqa: E402


def main():
    with simulated(sys.argv[1:]) as (folder, command):
        command(
            "export", "bundle", "exported", "--out", "exported.zip",
            "--license", "https://spdx.org/licenses/CC-BY-4.0", "--author", "A. B.",
        )
        zipfile.ZipFile(folder / "exported.zip").extractall(folder / "bundle")
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder / "bundle", check=True)
        for severity in (models.Severity.REQUIRED, models.Severity.RECOMMENDED):
            settings = services.ValidationSettings(
                rocrate_uri=str(folder / "bundle"), profile_identifier="ro-crate-1.1", requirement_severity=severity
            )
            result = services.validate(settings)
            issues = [issue.message for issue in result.get_issues()]
            # what it asks the network for is not for a machine without one
            offline = [issue for issue in issues if "w3id.org/ro/crate/1.1/context" in issue or "host='w3id.org'" in issue]
            issues = [issue for issue in issues if issue not in offline]
            for issue in offline + issues:
                print(f"{severity.name}: {issue}")
            print(f"{severity.name}: {len(issues)} issues, {len(offline)} for want of a network")
            assert severity != models.Severity.REQUIRED or not issues
        crate = ROCrate(folder / "bundle")
        files = [entity for entity in crate.get_entities() if entity.type == "File"]
        on_disk = {str(path.relative_to(folder / "bundle")) for path in (folder / "bundle").rglob("*") if path.is_file()}
        assert {file.id for file in files} | {"ro-crate-metadata.json"} == on_disk
        print(f"rocrate reads {len(files)} files of `{crate.name}`, published on {crate.datePublished}")


if __name__ == "__main__":
    main()
