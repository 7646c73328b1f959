"""The archive over WebHDFS."""

import json
import urllib.parse
import urllib.request


class Archive:
    """The archive's partition folders, as the active NameNode shows them."""

    def __init__(self, hdfs):
        self.root = hdfs["archivePath"]
        self.user = hdfs["user"]
        self.host = active_name_node(hdfs)

    def open(self, path, operation, method="GET", **arguments):
        query = urllib.parse.urlencode({"op": operation, "user.name": self.user, **arguments})
        path = urllib.parse.quote(f"{self.root}{path}")
        request = urllib.request.Request(f"http://{self.host}:9870/webhdfs/v1{path}?{query}", method=method)
        return urllib.request.urlopen(request, timeout=30)

    def files(self, folder=""):
        """Path, size and time of change of every visible Parquet file, paths from the archive's folder on."""
        with self.open(folder, "LISTSTATUS") as answer:
            entries = json.load(answer)["FileStatuses"]["FileStatus"]
        for entry in entries:
            path = f"{folder}/{entry['pathSuffix']}"
            if entry["type"] == "DIRECTORY" and "=" in entry["pathSuffix"]:
                yield from self.files(path)
            elif path.endswith(".parquet"):
                yield path, (entry["length"], entry["modificationTime"])

    def set_changed(self, path, milliseconds):
        self.open(path, "SETTIMES", "PUT", modificationtime=milliseconds).close()

    def read(self, path):
        with self.open(path, "OPEN") as data:
            return data.read()


def active_name_node(hdfs):
    """The host of the NameNode that serves; the other one refuses every question but this."""
    refusals = []
    for address in hdfs["nameNodes"].values():
        host = address.rsplit(":", 1)[0]
        try:
            with urllib.request.urlopen(f"http://{host}:9870/isActive", timeout=10):
                return host
        except OSError as error:
            refusals.append(f"{host}: {error}")
    raise ConnectionError(f"no NameNode is active: {refusals}")
