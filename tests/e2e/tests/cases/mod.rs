//! What must hold in each browser.

mod access;
mod calls;
mod card;
mod idle;
mod integration;
mod killing;
mod menu;
mod owner;
mod page;
mod pictures;
mod popup;
mod react;
mod recordings;
mod relay;
mod restart;
mod settings;
mod sites;
mod soak;
mod trouble;
mod uis;
mod walk;
mod welcome;

use std::time::Duration;

use trubka_e2e::BrowserKind;

use crate::Case;

/// How long a case may take that says nothing else, in seconds.
const LIMIT: u64 = 120;

macro_rules! cases {
    ($($module:ident::$name:ident $(in $browser:ident)? $(by $itself:ident)? $(within $seconds:literal)?,)*) => {
        /// Every case.
        pub const ALL: &[Case] = &[$(Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            only: [$(Some(BrowserKind::$browser),)? None][0],
            alone: [$(!stringify!($itself).is_empty(),)? false][0],
            limit: Duration::from_secs([$($seconds,)? LIMIT][0]),
            play: |stage| Box::pin($module::$name(stage)),
        }),*];
    };
}

cases! {
    access::the_popup_has_no_fault_in_any_state within 240,
    access::the_options_have_no_fault_in_any_state within 300,
    access::the_first_run_has_no_fault_in_any_state within 240,
    access::what_we_put_on_a_page_has_no_fault,
    calls::a_click_rings_and_the_call_is_in_the_crm,
    calls::a_double_click_dials_once,
    calls::a_refused_number_says_why,
    calls::a_click_without_a_connection_says_so,
    calls::an_incoming_call_has_a_card_to_its_end,
    calls::a_missed_call_is_registered,
    calls::a_withheld_number_is_said_to_be,
    calls::a_group_call_is_one_call,
    calls::a_group_call_that_nobody_answers_is_registered_once,
    calls::a_call_through_the_voice_menu_is_one_call,
    calls::an_internal_call_is_registered,
    card::what_is_done_to_it_in_one_tab_holds_in_all,
    card::keeps_out_of_the_way_of_who_writes,
    card::ten_calls_and_names_of_all_kinds_stay_usable,
    card::the_browser_tells_of_a_call_and_rings_once,
    card::shortcuts_show_the_selection_and_hang_up,
    page::buttons_survive_a_page_that_renders_all_the_time,
    page::what_is_no_phone_number_gets_no_button,
    page::layouts_keep_their_shape,
    page::a_button_has_a_name_and_obeys_the_keyboard,
    page::copying_and_forms_know_nothing_of_buttons,
    page::printing_leaves_buttons_out in Chromium,
    page::a_page_older_than_the_extension_says_so in Chromium,
    page::a_page_older_than_the_extension_goes_on in Firefox,
    page::a_flat_grid_of_many_numbers_holds_nobody_up,
    page::a_click_on_what_was_not_to_be_seen_dials_nothing,
    page::a_button_over_the_page_follows_its_number,
    page::a_button_is_never_left_at_another_number,
    page::a_button_that_the_page_brings_back_is_not_doubled,
    page::the_page_hears_nothing_of_what_is_done_to_a_button,
    page::a_page_that_defines_our_elements_gets_at_nothing,
    page::the_numbers_of_one_link_are_told_apart,
    popup::a_call_is_hung_up_from_the_popup,
    popup::a_call_is_hung_up_from_the_card,
    popup::a_call_is_hung_up_from_the_button,
    popup::hanging_up_says_when_it_fails,
    popup::what_was_refused_is_sent_again,
    popup::all_that_was_refused_is_sent_again,
    popup::what_was_refused_is_given_up_after_a_question,
    popup::the_exported_log_names_nobody,
    popup::a_name_and_a_pasted_number_are_dialled,
    popup::a_missed_call_is_counted_found_and_called_back,
    popup::five_thousand_calls_are_paged_and_searched,
    popup::in_a_language_that_is_missing_it_speaks_russian in Chromium,
    menu::what_is_no_phone_has_no_button_until_that_is_taken_back,
    menu::what_is_a_phone_gets_a_button,
    menu::a_link_that_is_no_phone_has_no_button,
    menu::what_holds_no_number_is_said_to,
    menu::a_selection_is_shown_and_then_dialled,
    menu::a_selection_that_is_not_dialled_goes_with_the_popup,
    owner::clicks_in_two_of_five_tabs_dial_once,
    owner::a_call_rings_in_every_tab,
    owner::a_restart_between_click_and_answer_dials_once,
    owner::two_agents_in_one_group_call_make_one_communication,
    react::version_17_with_react_ui_3_notices_nothing,
    react::version_17_with_react_ui_4_notices_nothing,
    react::version_18_with_react_ui_5_notices_nothing,
    react::version_19_notices_nothing,
    react::a_page_from_the_server_is_hydrated,
    react::a_page_hydrated_late_recovers,
    recordings::of_two_calls_reach_the_crm_soon_and_late within 180,
    settings::an_unknown_key_is_named,
    settings::a_wrong_type_is_named,
    settings::the_check_says_what_is_wrong,
    settings::a_file_that_wants_notifications_leads_to_the_browsers_question,
    settings::what_is_typed_is_saved_and_can_be_undone,
    settings::a_secret_goes_by_its_button_alone,
    settings::a_file_with_keys_is_closed_by_a_passphrase,
    settings::employees_come_from_a_file_and_from_the_exchange,
    settings::a_row_half_written_is_not_lost,
    settings::the_longest_list_of_employees_holds_nobody_up,
    settings::an_administrator_presets_and_locks,
    sites::a_site_is_switched_on_and_off_in_the_popup,
    sites::a_site_is_switched_off_in_the_options,
    sites::a_site_that_the_user_withdraws_in_the_browser_is_left,
    sites::the_crm_is_switched_off_and_on,
    sites::a_wish_outlives_the_background,
    sites::a_page_that_asks_in_vain_is_left,
    sites::a_page_of_the_browser_has_no_switch,
    trouble::a_refused_key_is_said,
    trouble::an_unreachable_exchange_is_said,
    trouble::a_failing_crm_loses_nothing,
    trouble::a_frame_that_is_no_json_is_survived,
    trouble::an_unknown_event_is_survived,
    trouble::an_expired_access_key_is_renewed_once,
    trouble::a_background_killed_in_a_call_loses_nothing,
    trouble::a_half_open_socket_is_replaced,
    trouble::a_key_revoked_while_connected_is_said,
    trouble::a_captive_portal_is_believed_nothing,
    trouble::a_withdrawn_permission_is_said in Firefox,
    integration::is_read_with_each_of_its_states,
    integration::system_calls_are_switched_on_and_off,
    integration::web_hooks_are_registered_changed_and_disabled,
    integration::what_the_crm_refuses_is_said_with_its_place,
    integration::a_public_one_is_activated,
    uis::a_click_is_followed_and_hung_up,
    uis::version_1_places_a_call_and_says_that_it_cannot_follow,
    uis::an_address_that_is_not_allowed_is_said,
    uis::each_site_has_the_exchange_that_is_chosen_for_it,
    uis::either_way_in_is_written_and_checked,
    relay::the_crms_own_buttons_ring_and_hang_up,
    relay::two_instances_share_the_agents in Chromium,
    relay::whoever_dies_the_crm_is_told_the_truth,
    restart::a_call_outlives_the_browser,
    restart::a_call_that_came_and_went_while_the_browser_was_dead_is_registered within 180,
    restart::a_call_that_ends_while_the_browser_is_dead_is_registered,
    idle::death_and_return within 240,
    // Calls by the second, and what dies: a machine that is slow besides would be judged, not Trubka.
    killing::a_day_of_deaths by itself within 480,
    soak::memory_and_database_stay_flat in Chromium within 300,
    pictures::of_popup_and_options,
    welcome::a_newcomer_calls_within_two_minutes,
    welcome::what_the_administrator_gives_is_asked_of_nobody,
    walk::numbers_are_found_wherever_they_are_shown,
    walk::what_the_page_changes_is_followed,
    walk::an_answer_for_a_text_that_changed_counts_for_nothing,
    walk::a_page_that_is_edited_as_a_whole_has_no_button,
    walk::a_frame_of_the_page_has_buttons_that_dial,
    walk::rows_without_a_box_are_read,
    walk::what_the_browser_skips_is_read_when_it_comes_near,
    walk::what_is_shown_without_a_size_is_read,
    walk::a_late_shadow_tree_takes_no_number_away,
    walk::what_hangs_out_of_an_element_without_height_is_read,
    walk::what_moves_to_where_people_write_has_no_button,
    walk::a_huge_block_holds_nobody_up,
    walk::nothing_is_dropped_and_nothing_is_kept,
}

/// A client of the CRM whom the exchange's address book knows as «Петров Иван Иванович».
const CLIENT: &str = "79451235489";
