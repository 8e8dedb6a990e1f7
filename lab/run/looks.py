"""At a declared look: has every verdict been reached, so that the run may end early? (METHOD 6.2)"""

from lab.analysis.blocks import BlockDecision
from lab.analysis.comparison import compare_run
from lab.analysis.judge.verdict import Verdict
from lab.analysis.summary import summarise
from lab.record.folder import RunFolder, read_trials
from lab.record.types import TrialState
from lab.scenario.model import Scenario


def all_decided(folder: RunFolder, scenario: Scenario, decision: BlockDecision) -> bool:
    """Tell whether as many blocks are valid as at a look before the last, and each verdict is other than inconclusive.

    Reads every finished trial again, between two trials, when nothing is measured; and not in the middle of a block.
    """
    done = sum(state in (TrialState.DONE, TrialState.LOST) for state in folder.info.states.values())
    if len(decision.used) not in scenario.trials.looks[:-1] or done % len(scenario.arms):
        return False
    contests = compare_run(summarise(folder.info, read_trials(folder.path, folder.info))).primaries
    return all(contest.judgement.verdict not in (None, Verdict.INCONCLUSIVE) for contest in contests)
