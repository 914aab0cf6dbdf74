//! Every row of the requirements has tests, and each of them asserts something.

use crate::checks::{CheckedRow, every_row_is_checked};
use crate::{anew, netascii, requests, sockets, transfer};

const ROWS: &[CheckedRow] = &[
    (
        1,
        &[
            sockets::t01_each_transfer_has_a_port_of_its_own_at_the_address_that_was_asked,
            sockets::t01_t02_where_transfers_share_a_port_each_gets_its_own_file_and_disturbs_no_other,
            sockets::t01_bound_to_a_device_it_serves_there,
        ],
    ),
    (
        2,
        &[
            sockets::t01_t02_where_transfers_share_a_port_each_gets_its_own_file_and_disturbs_no_other,
            sockets::t02_what_leaves_together_reaches_everybody_though_some_close_their_ports,
            sockets::t02_a_stranger_at_a_transfers_port_is_turned_away_and_disturbs_nothing,
        ],
    ),
    (3, &[requests::t03_mode_in_any_case_and_anything_else_is_illegal]),
    (
        4,
        &[
            netascii::t04_a_full_last_netascii_block_is_followed_by_an_empty_one,
            transfer::t04_blocks_count_from_one_and_a_short_one_ends,
        ],
    ),
    (5, &[sockets::t05_errors_carry_the_right_code_and_no_path]),
    (
        6,
        &[
            anew::t06_a_request_with_other_options_begins_anew_at_once_where_the_first_was_never_answered,
            anew::t06_a_request_that_is_still_being_opened_gives_way_to_another_one,
            anew::t06_a_transfer_that_was_answered_goes_on_beside_a_new_request_until_that_is_answered,
            anew::t06_a_client_that_asks_for_another_file_is_not_sent_again_what_it_left,
            anew::t06_what_a_client_left_is_not_sent_again_after_the_end_of_what_it_asked_for_since,
            anew::t06_two_files_at_one_port_are_both_served_where_both_are_answered,
            sockets::t06_repeated_requests_from_one_port_are_one_transfer,
            sockets::t06_errors_and_other_packets_get_no_answer,
            transfer::t06_an_error_ends_the_transfer_without_an_answer,
        ],
    ),
    (
        7,
        &[
            transfer::t07_retransmits_until_patience_ends_and_then_falls_silent,
            transfer::t07_progress_restores_all_the_patience,
        ],
    ),
    (8, &[sockets::t08_a_write_never_begins_so_nothing_is_received_and_nothing_dallies]),
    (
        9,
        &[
            anew::t09_a_request_that_was_late_on_its_way_does_not_bring_back_what_it_asked_for,
            transfer::t09_a_duplicate_ack_sends_nothing_in_lock_step,
            transfer::t09_with_a_window_a_repeated_ack_resends_once_and_echoes_die_out,
        ],
    ),
    (
        10,
        &[
            netascii::t10_line_ends_are_translated_even_across_a_block_border,
            requests::t10_both_modes_are_served_and_mail_is_not,
        ],
    ),
    (
        11,
        &[transfer::t11_the_timeout_follows_the_client, transfer::t11_the_clients_own_timeout_holds_exactly],
    ),
    (12, &[sockets::t12_names_reach_the_source_untouched_and_only_the_source_decides]),
    (13, &[sockets::t13_a_request_to_a_broadcast_address_is_ignored]),
    (14, &[requests::t14_option_names_in_any_case_and_order_and_each_once]),
    (15, &[requests::t15_unknown_and_bad_options_are_ignored_and_the_oack_has_only_what_was_asked]),
    (
        16,
        &[
            sockets::t16_t19_an_oack_then_data_with_the_sizes_agreed,
            sockets::t16_an_oack_that_is_not_acknowledged_is_sent_again,
            transfer::t16_the_oack_is_retransmitted_like_data_and_only_ack_0_starts_it,
        ],
    ),
    (
        17,
        &[
            sockets::t17_a_client_that_declines_the_options_is_left_alone,
            transfer::t17_error_8_after_the_oack_ends_it_cleanly,
        ],
    ),
    (18, &[requests::t18_block_size_at_most_what_was_asked_and_out_of_range_is_left_out]),
    (
        19,
        &[
            requests::t19_timeout_echoed_or_left_out_and_the_real_size_told,
            sockets::t16_t19_an_oack_then_data_with_the_sizes_agreed,
        ],
    ),
    (
        20,
        &[
            requests::t20_window_at_most_what_was_asked_and_one_if_not_asked,
            sockets::t20_t21_a_window_is_sent_whole_and_taken_up_again_where_the_client_says,
        ],
    ),
    (
        21,
        &[
            sockets::t20_t21_a_window_is_sent_whole_and_taken_up_again_where_the_client_says,
            transfer::t21_an_ack_within_the_window_goes_on_from_there,
        ],
    ),
    (22, &[transfer::t22_after_block_65535_comes_0_or_1]),
    (23, &[sockets::t23_write_requests_are_refused]),
    (24, &[requests::t24_no_block_that_would_be_fragmented]),
];

#[test]
fn every_row_has_a_test_that_asserts_something() {
    every_row_is_checked('T', ROWS, 1..=24);
}
