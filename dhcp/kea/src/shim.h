// The C interface between Kea (C++) and the policy (Rust). src/boundary.rs declares the same types.

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct Bytes {
    const uint8_t* data;    // null where the option is absent
    size_t length;
};

// A client's message that Kea is about to answer.
struct RawClientMessage {
    uint8_t mac[6];
    uint8_t response;       // its type, as in RFC 2132 §9.6
    uint8_t boot;
    uint32_t address;       // yiaddr; 0 where there is none
    uint32_t seconds;       // of the lease
    Bytes vendor_class;
    Bytes request_list;
    Bytes client_id;
};

struct DhcpOption {
    uint8_t code;
    uint8_t length;
    uint8_t value[255];
};

// The changes to Kea's answer.
struct RawResponseEdit {
    uint8_t steers;         // the four options and siaddr are as told here, whatever Kea has for them
    uint8_t has_siaddr;
    uint8_t count;
    uint32_t prepared;      // the options are those of shim_prepare() by this number, from 1; 0: they are below
    uint32_t siaddr;
    uint8_t sname_length;   // 0: leave it
    uint8_t file_length;
    uint8_t sname[64];
    uint8_t file[128];
    DhcpOption options[4];
};

// Rust's side. None of these throws or blocks, save start and stop.
int transload_start(const char* config, const char* feed, const char* cache);
void transload_stop();
void transload_answer(const RawClientMessage* question, RawResponseEdit* answer);
void transload_freed(const uint8_t* mac, uint32_t address);

// Kea's side.
int shim_version();
int shim_load(void* handle);
int shim_unload();
void shim_prepare(uint32_t number, const RawResponseEdit* answer);   // while it starts, from 1 on; 1 voids what was before
int shim_pkt4_send(void* handle);
int shim_lease4_gone(void* handle);
void shim_log(int level, const char* text);

}
