//! For any input of a connection: nothing panics, every answer is readable and states its length, and no part of a
//! request is taken for a request.

use std::time::{Duration, SystemTime};

use transload_http::{
    LONGEST_HEAD, LookupResult, Method, Received, Representation, ResponseContent, answer, receive, refuse,
    turn_away,
};

const LENGTH: u64 = 10;

pub fn check(stream: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let modified = Some(now - Duration::from_secs(1));
    let file = Representation { length: LENGTH, etag: "\"e1\"", modified, content_type: "text/xml" };
    let mut rest = stream;
    while !rest.is_empty() {
        let (answer, length) = match receive(rest) {
            Received::Partial => {
                assert!(rest.len() < LONGEST_HEAD);
                break;
            }
            Received::Refused(version, status) => (refuse(version, status), rest.len()),
            Received::Request(request, length) => {
                assert!(length > 0 && length <= rest.len() && length <= LONGEST_HEAD);
                assert!(request.method == Method::Other || request.path.starts_with('/'));
                assert!(!turn_away(&request).persists);
                let found =
                    if length.is_multiple_of(3) { LookupResult::Nothing } else { LookupResult::File(file) };
                (answer(&request, found), length)
            }
        };
        let mut head = Vec::new();
        answer.write_head(now, &mut head);
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut read = httparse::Response::new(&mut fields);
        assert_eq!(read.parse(&head), Ok(httparse::Status::Complete(head.len())));
        let told = read.headers.iter().find(|field| field.name == "Content-Length");
        let told = told.and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<u64>().ok());
        match &answer.content {
            ResponseContent::Part(part) => {
                assert!(part.start <= part.end && part.end <= LENGTH);
                assert_eq!(told, Some(part.end - part.start));
            }
            ResponseContent::Text(text) => assert_eq!(told, Some(text.len() as u64)),
            ResponseContent::Nothing => {}
        }
        if !answer.persists {
            break;
        }
        rest = &rest[length..];
    }
}
