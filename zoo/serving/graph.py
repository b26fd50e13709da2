"""What stands in the file of a SavedModel, and what of it a model server refuses."""

import pathlib
import re

from zoo.serving.op_lists import RELEASES, known_ops
from zoo.serving.runtime import load_tensorflow

_NO_PYTHON = "it calls Python, which a server does not have: use TensorFlow ops"
_NO_OLD_TEXT = "TF Serving before 2.20 lacks it: pack and trim with plain TensorFlow ops"
_NO_XLA = (
    "it needs XLA, which TF Serving has switched off: write caches with scatter, where or concat "
    "instead of slice_update, and do not use jit_compile"
)
_NO_FILES = (
    "it opens files or connections, and a request might name any: read them before the export"
)
# The ways out; what is refused is decided by the op lists, and for the files here.
_ADVICE = {
    "PyFunc": _NO_PYTHON,
    "PyFuncStateless": _NO_PYTHON,
    "EagerPyFunc": _NO_PYTHON,
    "TFText>RoundRobinTrim": _NO_OLD_TEXT,
    "TFText>RoundRobinGenerateMasks": _NO_OLD_TEXT,
    "TFText>Utf8Binarize": _NO_OLD_TEXT,
}
# A SavedModel may still open what it brings along: its variables (RestoreV2, with SaveV2 and
# MergeV2Checkpoints beside it), and tables from text files among its assets.
_FILE_OPS = re.compile(
    """
    (Experimental)?(CSV|LMDB|MatchingFiles|Sql)Dataset(V2)?
    | (Cache|FixedLengthRecord|Load|Save|Snapshot|TFRecord|TextLine)Dataset(V2)?
    | (FixedLengthRecord|LMDB|SnapshotDataset|SnapshotNestedDataset|TFRecord|TextLine|WholeFile)
      Reader(V2)?
    | ListSnapshotChunksDataset | SnapshotChunkDataset | (Experimental)?DatasetToTFRecord
    | MatchingFiles | ReadFile | RecordInput | WriteFile | ImmutableConst | DistributedSave
    | Restore | RestoreSlice | Save | SaveSlices | LoadAndRemapMatrix | GenerateVocabRemapping
    | FixedUnigramCandidateSampler | Skipgram | FileSystemSetConfiguration
    | CreateSummary(Db|File)Writer | CalibrationStatisticsSaver | DumpTensor
    | DebugIdentity(V2|V3)? | DebugNanCount | DebugNumericSummary
    | DataServiceDataset(V[234])? | RegisterDataset(V2)? | Rpc(Client|Server)
    | DatasetFromGraph | DeserializeIterator  # a request's own graph, with any op
    """,
    re.VERBOSE,
)
# Ops that open a file only if an attribute says so.
_FILE_ATTRIBUTES = {
    "PrintV2": ("output_stream", re.compile(b"file://.*", re.DOTALL)),
    "DecodeProtoV2": ("descriptor_source", re.compile(b"(?!local://|bytes://).+", re.DOTALL)),
    "EncodeProto": ("descriptor_source", re.compile(b"(?!local://|bytes://).+", re.DOTALL)),
}


def op_types(folder):
    """The names of all op types in the graph and the function library of a SavedModel, a set."""
    return {node.op for node, _ in _nodes(read_graph(folder))}


def refuse_unservable(folder, releases=RELEASES):
    """Raise if a SavedModel holds what a default TF Serving refuses, or what no server should run.

    Args:
        folder: the SavedModel's folder (the one with saved_model.pb).
        releases: those of `zoo.serving.op_lists.RELEASES` that have to run it.

    Raises:
        ValueError: it does; the message names the node and says how to do without.
        FileNotFoundError: there is no SavedModel.
    """
    graph = read_graph(folder)
    functions = {function.signature.name for function in _functions(graph)}
    for node, where in _nodes(graph):
        reason = None if node.op in functions else _refusal(node, releases)
        if reason:
            raise ValueError(f"op {node.op!r} (node {node.name!r} of {where}) refused: {reason}")
        if node.attr["_XlaMustCompile"].b:
            raise ValueError(f"node {node.name!r} of {where} refused: {_NO_XLA}")
    for function in _functions(graph):
        if function.attr["_XlaMustCompile"].b:
            raise ValueError(f"function {function.signature.name!r} refused: {_NO_XLA}")


def _refusal(node, releases):
    """Why a default server refuses this node, or None."""
    if node.op.lstrip("_").startswith("Xla"):
        return _NO_XLA
    if _opens_files(node):
        return _NO_FILES
    for release in releases:
        attributes = known_ops(release).get(node.op)
        if attributes is None:
            return _ADVICE.get(node.op, f"TF Serving {release} does not know it")
        new = {name for name in node.attr if not name.startswith("_")} - attributes
        if new:
            return f"TF Serving {release} does not know its attributes {sorted(new)}"
    return None


def _opens_files(node):
    if node.op in _FILE_ATTRIBUTES:
        name, pattern = _FILE_ATTRIBUTES[node.op]
        return name in node.attr and pattern.fullmatch(node.attr[name].s) is not None
    return _FILE_OPS.fullmatch(node.op) is not None


def read_graph(folder):
    """The GraphDef of a SavedModel; see `read_meta_graph`."""
    return read_meta_graph(folder).graph_def


def read_signatures(folder):
    """{name: SignatureDef} of the signatures of a SavedModel that may be called."""
    found = read_meta_graph(folder).signature_def
    return {name: found[name] for name in sorted(found) if name != "__saved_model_init_op"}


def read_meta_graph(folder):
    """The MetaGraphDef of a SavedModel.

    Raises:
        FileNotFoundError: there is no SavedModel.
        ValueError: its file is damaged.
    """
    load_tensorflow()
    from google.protobuf import message
    from tensorflow.core.protobuf import saved_model_pb2

    path = pathlib.Path(folder) / "saved_model.pb"
    if not path.is_file():
        raise FileNotFoundError(f"folder: {str(folder)!r} holds no SavedModel (saved_model.pb)")
    try:
        meta_graphs = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs
    except message.DecodeError as error:
        raise ValueError(f"folder: {str(path)!r} is damaged: {error}") from error
    if not meta_graphs:
        raise ValueError(f"folder: {str(path)!r} holds no graph")
    return meta_graphs[0]


def _functions(graph):
    """The functions of a GraphDef."""
    fields = {descriptor.name: value for descriptor, value in graph.ListFields()}
    return fields["library"].function if "library" in fields else ()


def _nodes(graph):
    """All nodes with the place they stand in: the graph itself or a function of its library."""
    yield from ((node, "the graph") for node in graph.node)
    for function in _functions(graph):
        yield from ((node, f"function {function.signature.name!r}") for node in function.node_def)
