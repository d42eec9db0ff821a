"""Sign-in and one's own account, under /console/. allauth's own pages are not served."""

from django.urls import path

from portal.accounts.pages import invited, proof, sign_in, signon, signon_settings, team, you

urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="account_login"),
    path("sign-in/second-factor", proof.second_factor, name="account_second_factor"),
    path("sign-in/provider", signon.begin, name="account_provider"),
    path("sign-in/provider/back", signon.back, name="account_provider_back"),
    path("sign-out/", sign_in.sign_out, name="account_logout"),
    path("confirm/", proof.confirm, name="account_confirm"),
    path("confirm/provider", signon.confirm, name="account_confirm_provider"),
    path("you/", you.page, name="account_you"),
    path("you/app", you.app, name="account_app"),
    path("you/passkey", you.passkey, name="account_passkey"),
    path("you/codes", you.recovery_codes, name="account_codes"),
    path("you/factors/<uuid:factor_id>/remove", you.remove_factor, name="account_factor_remove"),
    path("you/password", you.password, name="account_password"),
    path("you/sessions/end-others", you.end_others, name="account_sessions_end"),
    path("you/sessions/<str:session_id>/end", you.end_session, name="account_session_end"),
    path("settings/staff/", team.page, name="account_staff"),
    path("settings/staff/invite", team.invite, name="account_invite"),
    path("settings/staff/policy", team.policy, name="account_policy"),
    path("settings/staff/provider/", signon_settings.page, name="account_signon"),
    path("settings/staff/provider/change", signon_settings.change, name="account_signon_change"),
    path("settings/staff/provider/use", signon_settings.use, name="account_signon_use"),
    path("settings/staff/provider/try", signon.attempt, name="account_signon_try"),
    path("settings/staff/<uuid:staff_id>/role", team.change_role, name="account_role"),
    path("settings/staff/<uuid:staff_id>/remove", team.remove, name="account_remove"),
    path("settings/staff/<uuid:staff_id>/stop", team.stop, name="account_way_back_stop"),
    path("settings/staff/<uuid:staff_id>/invite", team.invite_again, name="account_invite_again"),
    path("invited/<str:token>", invited.page, name="account_invited"),
    path("demo/<str:token>", sign_in.demo, name="account_demo"),
]
