from workflow_manager.cases.rules import Sending, judge_sending
from workflow_manager.health.rules import TargetFacts, reader_part, target_part


def test_texts_of_cases_and_health_count_as_people_do():
    failed = [Sending(name, ended=True, sent=False, error=name) for name in "AB"]
    assert judge_sending(failed).reason.endswith("(and 1 other reason)")
    assert "1 of 2 series waits for" in target_part("A", TargetFacts(True, 1, 2)).detail
    assert reader_part("R", 1).detail == "1 event behind."
