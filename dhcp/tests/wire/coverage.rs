//! Every row about where replies go, which address the server goes by, and overload has a test over real sockets.

use crate::checks::{CheckedRow, every_row_is_checked};
use crate::{rows, segment};

const ROWS: &[CheckedRow] = &[
    (9, &[rows::d9_a_relay_gets_the_reply_on_the_servers_port]),
    (
        10,
        &[
            rows::d10_a_client_that_has_an_address_is_answered_there,
            rows::d10_a_neighbor_is_answered_though_the_kernel_has_no_room_to_ask_for_its_address,
        ],
    ),
    (11, &[rows::d11_the_broadcast_bit_is_obeyed]),
    (12, &[rows::d12_without_the_bit_the_frame_goes_straight_to_a_client_that_answers_no_arp]),
    (13, &[rows::d13_a_nak_is_broadcast_whatever_ciaddr_and_the_bit]),
    (14, &[rows::d14_a_nak_through_a_relay_tells_it_to_broadcast]),
    (15, &[rows::d15_each_side_is_told_the_servers_address_there_and_any_of_them_is_the_server]),
    (16, &[rows::d16_options_are_read_from_file_and_sname_and_written_there_only_when_they_must]),
];

#[test]
fn every_row_about_the_wire_has_a_test_that_asserts_something() {
    if segment::possible() {
        every_row_is_checked('D', ROWS, 9..=16);
    }
}
