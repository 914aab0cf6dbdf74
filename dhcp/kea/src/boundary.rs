//! The C interface between Kea (C++) and the policy. `shim.h` declares the same types.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use transload_provision::mac::Mac;

use crate::hook::{self, ClientMessage, ResponseEdit};

/// Octets that Kea owns, for the time of a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    data: *const u8,
    length: usize,
}

/// A client's message that Kea is about to answer.
#[repr(C)]
pub struct RawClientMessage {
    mac: [u8; 6],
    response: u8,
    boot: u8,
    address: u32,
    seconds: u32,
    vendor_class: Bytes,
    request_list: Bytes,
    client_id: Bytes,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct DhcpOption {
    code: u8,
    length: u8,
    value: [u8; 255],
}

/// The changes to Kea's answer, in C layout.
#[repr(C)]
pub struct RawResponseEdit {
    steers: u8,
    has_siaddr: u8,
    count: u8,
    prepared: u32,
    siaddr: u32,
    sname_length: u8,
    file_length: u8,
    sname: [u8; 64],
    file: [u8; 128],
    options: [DhcpOption; 4],
}

#[allow(unsafe_code)]
unsafe extern "C" {
    safe fn shim_version() -> c_int;
    fn shim_load(handle: *mut c_void) -> c_int;
    safe fn shim_unload() -> c_int;
    fn shim_pkt4_send(handle: *mut c_void) -> c_int;
    fn shim_lease4_gone(handle: *mut c_void) -> c_int;
    fn shim_prepare(number: u32, answer: *const RawResponseEdit);
    fn shim_log(level: c_int, text: *const c_char);
}

/// The severity of a log message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For the record.
    Info = 0,
    /// Something to look at.
    Warn = 1,
    /// Something to act on.
    Error = 2,
}

/// Writes to Kea's log.
// A call across the boundary, with a text that lives until it returns.
#[allow(unsafe_code)]
pub fn log(level: LogLevel, text: &str) {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Ok(text) = CString::new(text) {
        // SAFETY: the text ends with a NUL, and the shim keeps no reference to it.
        unsafe { shim_log(level as c_int, text.as_ptr()) };
    }
}

/// Makes the options of an answer that will be given often; it is named by this number, from 1 on, in [`ResponseEdit::prepared`].
// A call across the boundary, with an answer that lives until it returns.
#[allow(unsafe_code)]
pub fn prepare(number: u32, told: &ResponseEdit) {
    let mut answer = RawResponseEdit::default();
    answer.fill(&ResponseEdit { prepared: 0, ..told.clone() });
    // SAFETY: the shim keeps no reference to it.
    unsafe { shim_prepare(number, &raw const answer) };
}

/// A panic ends here: Kea goes on, without our part of the answer.
fn contained<T>(otherwise: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        log(LogLevel::Error, &format!("a defect of this hook: {text}; Kea answers without it; report this"));
        otherwise
    })
}

impl Bytes {
    // SAFETY of the reads: the shim passes null, or a vector's data with its length, and the vector outlives the call.
    #[allow(unsafe_code)]
    fn get(&self) -> Option<&[u8]> {
        (!self.data.is_null()).then(|| unsafe { std::slice::from_raw_parts(self.data, self.length) })
    }
}

impl RawClientMessage {
    fn asker(&self) -> ClientMessage<'_> {
        ClientMessage {
            mac: Mac(self.mac),
            response: self.response,
            boot: self.boot != 0,
            address: Ipv4Addr::from(self.address),
            seconds: self.seconds,
            // Closing NULs of text do not count (RFC 2132 §2).
            vendor_class: self.vendor_class.get().map(|text| {
                let end = text.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
                &text[..end]
            }),
            request_list: self.request_list.get().unwrap_or_default(),
            client_id: self.client_id.get(),
        }
    }
}

impl Default for RawResponseEdit {
    fn default() -> Self {
        let option = DhcpOption { code: 0, length: 0, value: [0; 255] };
        Self {
            steers: 0,
            has_siaddr: 0,
            count: 0,
            prepared: 0,
            siaddr: 0,
            sname_length: 0,
            file_length: 0,
            sname: [0; 64],
            file: [0; 128],
            options: [option; 4],
        }
    }
}

impl RawResponseEdit {
    fn fill(&mut self, told: &ResponseEdit) {
        self.steers = u8::from(told.steers);
        if let Some(address) = told.next_server {
            self.has_siaddr = 1;
            self.siaddr = address.into();
        }
        // Longer ones were refused when the configuration was read.
        let text = |text: Option<&str>, field: &mut [u8]| {
            let text = text.filter(|text| text.len() < field.len()).unwrap_or_default();
            field[..text.len()].copy_from_slice(text.as_bytes());
            text.len() as u8
        };
        self.sname_length = text(told.server_name.as_deref(), &mut self.sname);
        self.file_length = text(told.boot_file.as_deref(), &mut self.file);
        self.prepared = told.prepared;
        if told.prepared > 0 {
            return;
        }
        for (slot, (code, value)) in self.options.iter_mut().zip(&told.options) {
            slot.code = *code;
            slot.length = value.len().min(255) as u8;
            slot.value[..usize::from(slot.length)].copy_from_slice(&value[..usize::from(slot.length)]);
            self.count += 1;
        }
    }
}

/// Decides about an answer of Kea's.
///
/// # Safety
/// Both are the shim's own, `answer` with its counts at zero.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub unsafe extern "C" fn transload_answer(question: *const RawClientMessage, answer: *mut RawResponseEdit) {
    contained((), || {
        // SAFETY: as the caller promises.
        let (question, answer) = unsafe { (&*question, &mut *answer) };
        hook::running(|hook| {
            if let Some(told) = hook.answer(&question.asker()) {
                answer.fill(&told);
            }
        });
    });
}

/// An address is no client's any more.
///
/// # Safety
/// `mac` has six octets.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub unsafe extern "C" fn transload_freed(mac: *const u8, address: u32) {
    contained((), || {
        // SAFETY: as the caller promises.
        let mac = Mac(unsafe { *mac.cast::<[u8; 6]>() });
        hook::running(|hook| hook.freed(mac, Ipv4Addr::from(address)));
    });
}

/// Starts the hook; 0, or 1 and a line in the log.
///
/// # Safety
/// Three texts that end with a NUL.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub unsafe extern "C" fn transload_start(
    config: *const c_char,
    feed: *const c_char,
    cache: *const c_char,
) -> c_int {
    contained(1, || {
        // SAFETY: as the caller promises.
        let [config, feed, cache] =
            [config, feed, cache].map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        match hook::start(&config, &feed, &cache) {
            Ok(()) => 0,
            Err(why) => {
                log(LogLevel::Error, &why);
                1
            }
        }
    })
}

/// Ends it.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub extern "C" fn transload_stop() {
    contained((), hook::stop);
}

/// Kea refuses a library that was built for another version of its hooks.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub extern "C" fn version() -> c_int {
    shim_version()
}

/// All that callouts touch is behind locks, or made before Kea's threads go on.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub extern "C" fn multi_threading_compatible() -> c_int {
    1
}

/// Kea loads the library.
///
/// # Safety
/// Kea's own handle.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub unsafe extern "C" fn load(handle: *mut c_void) -> c_int {
    // SAFETY: handed on as it came.
    unsafe { shim_load(handle) }
}

/// Kea lets go of the library.
#[unsafe(no_mangle)]
#[allow(unsafe_code)]
pub extern "C" fn unload() -> c_int {
    shim_unload()
}

macro_rules! callouts {
    ($($name:ident => $shim:ident)*) => {$(
        /// A callout, by its name in Kea's developer's guide.
        ///
        /// # Safety
        /// Kea's own handle.
        #[unsafe(no_mangle)]
        #[allow(unsafe_code)]
        pub unsafe extern "C" fn $name(handle: *mut c_void) -> c_int {
            // SAFETY: handed on as it came.
            unsafe { $shim(handle) }
        }
    )*};
}

callouts! {
    pkt4_send => shim_pkt4_send
    lease4_release => shim_lease4_gone
    lease4_decline => shim_lease4_gone
    lease4_expire => shim_lease4_gone
}
