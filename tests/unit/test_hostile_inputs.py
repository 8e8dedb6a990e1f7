"""Malformed scenarios, damaged run folders, broken recordings: a sentence and the right exit code, or the right result.

Few cases of each, always the same ones; ``python -m benchmarks.hostile`` runs thousands of new ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings

from tests.hostile import folders, recordings, scenarios

few = settings(max_examples=20, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
fewer = settings(few, max_examples=10)  # each reads a run folder twice


@few
@given(scenarios.scenarios())
def test_a_scenario_file_is_read_or_refused(data: bytes) -> None:
    """Types, sizes, unicode, contradictions: accepted scenarios can be planned and stored, others are a sentence."""
    scenarios.scenario_is_read_or_refused(data)


@fewer
@given(folders.damages())
def test_a_run_folder_is_read_or_refused(damage: folders.Damage) -> None:
    """Cut, changed, swapped, linked, retyped: no traceback, no hang, no wrong number."""
    folders.folder_is_read_or_refused(damage)


@few
@given(recordings.recordings)
def test_a_recording_is_read_or_refused(files: tuple[bytes, bytes]) -> None:
    """Rows and strings that no recorder wrote are named, and never become requests."""
    recordings.recording_is_read_or_refused(files)


@few
@given(recordings.samplings())
def test_the_rows_of_a_sampler_are_read_or_refused(files: Mapping[str, bytes]) -> None:
    """Rows that no sampler wrote are named."""
    recordings.sampling_is_read_or_refused(files)
