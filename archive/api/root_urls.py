"""Under /api/v1/: the archive's own nouns (what is read of the log is under /api/v1/archive/)."""

from django.urls import path

from archive.api import cases, exports, holds, rules

urlpatterns = [
    path("cases", cases.Cases.as_view()),
    path("holds", holds.Holds.as_view()),
    path("holds/<uuid:hold_id>", holds.OneHold.as_view()),
    path("holds/<uuid:hold_id>/release", holds.Release.as_view()),
    path("retention-rules", rules.Rules.as_view()),
    path("retention-rules/<uuid:rule_id>", rules.OneRule.as_view()),
    path("retention-rules/<uuid:rule_id>/simulate", rules.Simulate.as_view()),
    path("retention-rules/<uuid:rule_id>/activate", rules.Activate.as_view()),
    path("retention-rules/<uuid:rule_id>/retire", rules.Retire.as_view()),
    path("exports", exports.Exports.as_view()),
    path("exports/<uuid:export_id>", exports.OneExport.as_view()),
    path("exports/<uuid:export_id>/download", exports.ExportFile.as_view()),
]
