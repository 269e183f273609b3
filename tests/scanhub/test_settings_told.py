"""Who asks a whole installation what it is set to hears of each program in it."""

from scanhub.main import build_apps
from scanhub.settings import InstallationSettings
from scanhub_libraries.told_settings import tell_settings


def test_every_program_of_the_process_is_told_and_no_secret_of_it(tmp_path):
    settings = InstallationSettings(data_dir=tmp_path)
    told = build_apps(settings, offline=True)["workflow-manager"].state.settings_told
    programs = [tell_settings(title, each) for title, each in told.items()]
    names = {"Installation", "exam-manager", "workflow-manager", "device-manager"}
    assert {program.title for program in programs} == names
    every = [item for program in programs for item in program.settings]
    assert [item.variable for item in every if not item.description] == []
    secrets = {item.variable for item in every if item.secret}
    assert {"SCANHUB_DEVICE_TOKEN_KEY", "SCANHUB_EXAM_SERVICE_SECRETS"} <= secrets
    assert all(item.value is None for item in every if item.secret)
