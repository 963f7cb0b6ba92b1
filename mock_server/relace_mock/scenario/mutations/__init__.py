"""The mutations, which falsify a 200: one a file, and the table of all of them.

Several in one step are applied in the order of the table, whatever the order in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from relace_mock.messages import Received, Request
from relace_mock.scenario.mutations.draft import Mutation, has_several, is_float, without_last
from relace_mock.scenario.mutations.drop_result import DROP_RESULT
from relace_mock.scenario.mutations.duplicate_index import DUPLICATE_INDEX
from relace_mock.scenario.mutations.empty_body import EMPTY_BODY
from relace_mock.scenario.mutations.extra_fields import EXTRA_FIELDS
from relace_mock.scenario.mutations.extra_result import EXTRA_RESULT
from relace_mock.scenario.mutations.gzip import GZIP
from relace_mock.scenario.mutations.html_body import HTML_BODY
from relace_mock.scenario.mutations.index_out_of_range import INDEX_OUT_OF_RANGE
from relace_mock.scenario.mutations.integer_components import INTEGER_COMPONENTS
from relace_mock.scenario.mutations.model_drift import MODEL_DRIFT
from relace_mock.scenario.mutations.nan_component import NAN_COMPONENT
from relace_mock.scenario.mutations.nest_results import NEST_RESULTS
from relace_mock.scenario.mutations.null_component import NULL_COMPONENT
from relace_mock.scenario.mutations.omit_usage import OMIT_USAGE
from relace_mock.scenario.mutations.ragged_dimensions import RAGGED_DIMENSIONS
from relace_mock.scenario.mutations.reordered_keys import REORDERED_KEYS
from relace_mock.scenario.mutations.score_out_of_range import SCORE_OUT_OF_RANGE
from relace_mock.scenario.mutations.shuffle_results import SHUFFLE_RESULTS
from relace_mock.scenario.mutations.string_index import STRING_INDEX
from relace_mock.scenario.mutations.swap_vectors import SWAP_VECTORS
from relace_mock.scenario.mutations.truncated_json import TRUNCATED_JSON
from relace_mock.scenario.mutations.unknown_filename import UNKNOWN_FILENAME
from relace_mock.scenario.mutations.unnormalised import UNNORMALISED
from relace_mock.scenario.mutations.wrong_content_type import WRONG_CONTENT_TYPE
from relace_mock.scenario.mutations.wrong_dimension import WRONG_DIMENSION
from relace_mock.scenario.mutations.zero_usage import ZERO_USAGE
from relace_mock.scenario.mutations.zero_vector import ZERO_VECTOR
from relace_mock.scenario.when import When

MUTATIONS = MappingProxyType(
    {
        mutation.name: mutation
        for mutation in (
            MODEL_DRIFT,
            DROP_RESULT,
            SWAP_VECTORS,
            INTEGER_COMPONENTS,
            UNNORMALISED,
            ZERO_VECTOR,
            WRONG_DIMENSION,
            RAGGED_DIMENSIONS,
            NULL_COMPONENT,
            NAN_COMPONENT,
            DUPLICATE_INDEX,
            INDEX_OUT_OF_RANGE,
            EXTRA_RESULT,
            STRING_INDEX,
            UNKNOWN_FILENAME,
            SCORE_OUT_OF_RANGE,
            EXTRA_FIELDS,
            REORDERED_KEYS,
            SHUFFLE_RESULTS,
            OMIT_USAGE,
            ZERO_USAGE,
            NEST_RESULTS,
            TRUNCATED_JSON,
            HTML_BODY,
            EMPTY_BODY,
            WRONG_CONTENT_TYPE,
            GZIP,
        )
    }
)

# An answer can show only one of each group.
_EXCLUSIVE = (
    {"omit_usage", "zero_usage"},
    {"drop_result", "extra_result"},
    {"html_body", "wrong_content_type"},
    {"integer_components", "unnormalised"},
    {"null_component", "nan_component"},
)
# These leave no JSON in which another mutation could show.
_HIDING = ("truncated_json", "html_body", "empty_body")
_BESIDE_HIDING = {"wrong_content_type", "gzip"}


def conflict(names: Sequence[str]) -> str | None:
    """Why these mutations do not go together; None if they do."""
    for group in _EXCLUSIVE:
        if len(both := sorted(group.intersection(names))) > 1:
            return f"{both[0]} and {both[1]} exclude each other: keep one"
    for name in _HIDING:
        if name not in names:
            continue
        if hidden := set(names) - {name} - _BESIDE_HIDING:
            return f"{name} would hide {min(hidden)}: keep one"
    return None


def unmet(name: str, when: When) -> str | None:
    """Why a mutation cannot apply to the requests that meet these conditions; None if it can."""
    mutation = MUTATIONS[name]
    if when.max_inputs == 1 and mutation.needs is has_several:
        return "needs two inputs, but max_inputs is 1: remove one of the two"
    if when.output_dtype == "binary" and mutation.needs is is_float:
        return "needs float, but output_dtype is binary: remove one of the two"
    if when.only_endpoint and when.only_endpoint not in mutation.endpoints:
        key = "endpoint" if when.endpoint else when.about_embedding()
        return f"changes only {mutation.endpoints[0]} answers, but {key} excludes them: remove one of the two"
    return None


def applicable(names: Sequence[str], request: Request, received: Received) -> bool:
    """Whether all of these mutations can apply to the answer to a request.

    A result that ``drop_result`` drops cannot show another mutation.
    """
    left = without_last(request) if "drop_result" in names else request
    return all(
        MUTATIONS[name].applies(request if name == "drop_result" else left, received)
        for name in names
    )


__all__ = ["MUTATIONS", "Mutation", "applicable", "conflict", "unmet"]
