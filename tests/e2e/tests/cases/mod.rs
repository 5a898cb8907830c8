//! What must hold in each browser.

mod calls;
mod page;
mod pictures;
mod settings;
mod trouble;

use crate::Case;

macro_rules! cases {
    ($($module:ident::$name:ident,)*) => {
        /// Each case by its name.
        pub const ALL: &[(&str, Case)] =
            &[$((concat!(stringify!($module), "::", stringify!($name)), |stage| Box::pin($module::$name(stage)))),*];
    };
}

cases! {
    calls::a_click_rings_and_the_call_is_in_the_crm,
    calls::a_number_is_dialled_once,
    calls::a_refused_number_says_why,
    calls::a_click_without_a_connection_says_so,
    calls::an_incoming_call_has_a_card_to_its_end,
    calls::a_missed_call_is_registered,
    calls::a_withheld_number_is_said_to_be,
    calls::a_group_call_is_one_call,
    calls::a_group_call_that_nobody_answers_is_registered_once,
    calls::a_call_through_the_voice_menu_is_one_call,
    calls::an_internal_call_is_registered,
    page::buttons_survive_a_page_that_renders_all_the_time,
    page::what_is_no_phone_number_gets_no_button,
    settings::an_unknown_key_is_named,
    settings::a_wrong_type_is_named,
    settings::the_check_says_what_is_wrong,
    trouble::a_refused_key_is_said,
    trouble::an_unreachable_exchange_is_said,
    trouble::a_failing_crm_loses_nothing,
    trouble::a_frame_that_is_no_json_is_survived,
    trouble::an_unknown_event_is_survived,
    trouble::an_expired_access_key_is_renewed_once,
    trouble::a_background_killed_in_a_call_loses_nothing,
    pictures::of_popup_and_options,
}

/// A client of the CRM whom the exchange's address book knows as «Петров Иван Иванович».
const CLIENT: &str = "79451235489";
