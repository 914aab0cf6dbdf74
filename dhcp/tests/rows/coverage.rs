//! Every row of the requirements has tests, and each of them asserts something.

use crate::checks::{CheckedRow, every_row_is_checked};
use crate::{binding, choice, codec, conflict, delivery, messages, reply_options, saving};

const ROWS: &[CheckedRow] = &[
    (1, &[
        delivery::d1_reserved_flags_mean_nothing_and_come_back_as_they_were,
    ]),
    (2, &[
        binding::d2_the_client_identifier_is_the_key_where_there_is_one,
        binding::d2_without_one_the_ethernet_address_is_the_key,
        binding::d2_an_ethernet_address_of_zeros_is_nobodys,
    ]),
    (3, &[
        codec::d3_without_the_cookie_it_is_not_dhcp,
    ]),
    (4, &[
        conflict::d4_a_new_address_is_tried_once_and_then_offered_at_once,
        conflict::d4_an_address_in_use_is_set_aside_and_the_next_one_tried,
        conflict::d4_what_the_client_has_or_had_is_not_tried,
        conflict::d4_the_client_itself_may_answer_for_its_address,
        conflict::d4_a_late_answer_takes_no_lease_back,
        conflict::d4_nothing_is_tried_through_relays_on_other_links_or_where_it_is_off,
    ]),
    (5, &[
        choice::d5_a_client_that_takes_another_servers_offer_frees_ours,
    ]),
    (6, &[
        binding::d6_the_ack_says_what_the_offer_said_also_where_the_client_begins_anew_at_once,
        saving::d6_an_ack_waits_for_its_commit_and_a_repeated_request_for_the_same,
        saving::d6_the_ack_says_what_the_offer_said,
    ]),
    (7, &[
        delivery::d7_a_request_that_names_us_through_an_unknown_relay_is_refused,
        messages::d7_a_selected_server_that_cannot_satisfy_says_so,
    ]),
    (8, &[
        codec::d8_the_last_option_is_end_and_the_rest_is_pad,
    ]),
    (9, &[
        delivery::d9_a_relay_gets_the_reply,
    ]),
    (10, &[
        delivery::d10_a_client_with_an_address_gets_it_there,
        delivery::d10_an_address_that_the_client_cannot_have_is_none,
        delivery::d10_a_client_that_uses_its_lease_is_answered_there_whatever_it_asks,
    ]),
    (11, &[
        delivery::d11_the_broadcast_bit_is_obeyed,
    ]),
    (12, &[
        delivery::d12_a_client_that_tells_no_ethernet_address_of_its_own_hears_a_broadcast,
        delivery::d12_without_the_bit_the_frame_goes_to_the_client,
    ]),
    (13, &[
        delivery::d13_nak_without_relay_is_broadcast,
    ]),
    (14, &[
        delivery::d14_nak_through_a_relay_tells_the_relay_to_broadcast,
    ]),
    (15, &[
        delivery::d15_the_server_goes_by_the_address_the_client_reaches_and_answers_to_all,
    ]),
    (16, &[
        codec::d16_options_then_file_then_sname_are_read,
        codec::d16_without_overload_file_and_sname_are_text,
        reply_options::d16_what_does_not_fit_goes_to_file_and_sname_before_it_is_left_out,
    ]),
    (17, &[
        choice::d17_current_then_previous_then_requested_then_new,
        choice::d17_a_full_pool_gives_away_what_was_unused_longest,
        choice::d17_new_addresses_go_before_those_that_somebody_had,
    ]),
    (18, &[
        delivery::d18_the_subnet_is_the_relays_else_the_interfaces,
        delivery::d18_a_client_behind_a_relay_renews_directly,
    ]),
    (19, &[
        choice::d19_the_lease_is_the_default_or_what_is_asked_within_bounds,
    ]),
    (20, &[
        reply_options::d20_what_is_asked_for_and_known_is_sent_once_and_nothing_made_up,
    ]),
    (21, &[
        reply_options::d21_what_is_configured_is_sent_unrequested,
        reply_options::d21_the_policy_wins_over_the_network_and_a_reservation_over_both,
    ]),
    (22, &[
        reply_options::d22_an_offer_and_an_ack_name_server_and_lease_and_nothing_of_the_clients_wishes,
        reply_options::d22_a_nak_has_only_what_it_may_have,
    ]),
    (23, &[
        reply_options::d23_fields_are_copied_or_zero_as_table_3_says,
    ]),
    (24, &[
        messages::d24_selecting_names_this_server_and_the_offered_address,
        messages::d24_where_the_server_identifier_cannot_be_used_a_taken_offer_is_ours_and_anything_else_is_told,
        messages::d24_a_request_whose_address_cannot_be_used_is_told,
        messages::d24_an_offer_forgotten_meanwhile_is_honored_while_the_address_is_free,
    ]),
    (25, &[
        messages::d25_a_known_client_that_boots_with_a_wrong_address_is_refused,
    ]),
    (26, &[
        messages::d26_without_a_record_silence_unless_authoritative,
    ]),
    (27, &[
        messages::d27_renewing_and_rebinding_extend_the_lease,
        messages::d27_a_client_that_rebinds_on_the_wrong_network_is_refused,
    ]),
    (28, &[
        messages::d28_a_declined_address_is_nobodys_for_a_while,
        messages::d28_only_the_holder_declines_and_only_to_us,
        messages::d28_an_offered_address_can_be_declined_too,
    ]),
    (29, &[
        messages::d29_a_released_address_is_kept_for_its_client_as_long_as_it_can_be,
        messages::d29_only_the_holder_releases,
    ]),
    (30, &[
        delivery::d30_an_inform_is_answered_at_an_address_without_arp_where_that_cannot_reach_it,
        messages::d30_an_inform_gets_parameters_and_no_lease,
    ]),
    (31, &[
        reply_options::d31_t1_before_t2_before_the_end_whatever_is_configured,
    ]),
    (32, &[
        binding::d32_leases_survive_a_restart,
    ]),
    (33, &[
        codec::d33_without_a_message_type_it_is_not_answerable,
        messages::d33_unknown_types_and_those_of_servers_are_ignored,
    ]),
    (34, &[
        codec::d34_closing_nuls_of_text_are_stripped,
        codec::d34_a_text_of_nuls_says_nothing,
    ]),
    (35, &[
        codec::d35_an_option_of_a_length_that_cannot_be_counts_as_absent,
        codec::d35_what_overruns_its_field_is_left_out_and_what_stands_before_it_counts,
        codec::d35_without_a_usable_message_type_nobody_can_answer,
    ]),
    (36, &[
        reply_options::d36_the_mask_precedes_the_router_whatever_the_order_asked_for,
    ]),
    (37, &[
        reply_options::d37_options_come_in_the_order_asked_for,
    ]),
    (38, &[
        reply_options::d38_576_octets_unless_the_client_takes_more_and_the_phones_options_go_last,
    ]),
    (39, &[
        messages::d39_what_the_server_does_not_know_changes_nothing,
    ]),
    (40, &[
        codec::d40_of_an_option_of_fixed_length_that_comes_twice_the_first_whole_one_counts,
        codec::d40_a_repeated_option_is_one_option,
        codec::d40_a_long_option_is_split_in_order,
    ]),
    (41, &[
        reply_options::d41_relay_information_is_echoed_whole_and_last,
        reply_options::d41_relay_information_stays_in_the_options_field_and_is_left_out_where_it_does_not_fit,
        reply_options::d41_relay_information_of_any_length_is_echoed_whole_or_not_at_all,
    ]),
    (42, &[
        delivery::d42_relay_information_without_a_relay_is_answered_and_echoed_unless_it_is_to_be_dropped,
    ]),
    (43, &[
        delivery::d43_link_selection_goes_before_subnet_selection_before_giaddr,
        delivery::d43_the_relay_may_override_the_server_identifier,
    ]),
    (44, &[
        reply_options::d44_the_client_identifier_is_echoed_and_never_made_up,
    ]),
    (45, &[
        binding::d45_a_phone_that_changes_its_identifier_keeps_its_address,
        binding::d45_also_after_a_restart,
    ]),
    (46, &[
        messages::d46_forcerenew_is_not_there,
    ]),
    (47, &[
        messages::d47_leasequery_is_not_there,
    ]),
    (48, &[
        codec::d48_at_least_300_octets_are_sent,
    ]),
    (49, &[
        reply_options::d49_option_150_may_be_several_addresses_in_order,
    ]),
    (50, &[
        codec::d50_only_ethernet_and_known_ops_are_read,
        codec::d50_an_ethernet_address_under_another_type_or_length_is_answered_and_copied,
        messages::d50_a_servers_reply_is_no_request,
    ]),
    (51, &[
        reply_options::d51_router_and_static_routes_give_way_to_classless_routes_that_are_asked_for,
    ]),
];

#[test]
fn every_row_has_a_test_that_asserts_something() {
    every_row_is_checked('D', ROWS, 1..=51);
}
