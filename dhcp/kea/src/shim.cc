// The part of the hook that has to be C++: Kea hands over shared pointers, and may throw. Nothing is decided here.

#include "shim.h"

#include <asiolink/io_address.h>
#include <cc/data.h>
#include <dhcp/dhcp4.h>
#include <dhcp/option.h>
#include <dhcp/option_int.h>
#include <dhcp/option_int_array.h>
#include <dhcp/option_string.h>
#include <dhcp/pkt4.h>
#include <dhcpsrv/lease.h>
#include <exceptions/exceptions.h>
#include <hooks/hooks.h>
#include <log/logger.h>
#include <log/macros.h>
#include <log/message_initializer.h>
#include <process/daemon.h>

#include <boost/make_shared.hpp>

#include <cstdlib>
#include <string>
#include <typeinfo>
#include <vector>

using namespace isc::dhcp;
using namespace isc::hooks;
using isc::asiolink::IOAddress;

namespace {

const isc::log::MessageID TRANSLOAD_HOOK = "TRANSLOAD_HOOK";
const char* messages[] = { "TRANSLOAD_HOOK", "%1", NULL };
const isc::log::MessageInitializer initializer(messages);
isc::log::Logger logger("transload-hooks");

const uint16_t STEERING[] = { 66, 150, 159, 160 };

std::string text(LibraryHandle& handle, const char* name, const std::string& otherwise) {
    isc::data::ConstElementPtr value = handle.getParameter(name);
    if (!value) {
        return otherwise;
    }
    if (value->getType() != isc::data::Element::string) {
        isc_throw(isc::BadValue, "parameter \"" << name << "\" is not text");
    }
    return value->stringValue();
}

const std::vector<uint8_t>& held(const Option& option) {
    return option.getData();
}

const std::vector<uint8_t>& held(const OptionUint8Array& option) {
    return option.getValues();
}

// Not by getOption(), which copies each option that a callout looks at.
const Option* find(const Pkt4Ptr& packet, uint16_t code) {
    const OptionCollection::const_iterator found = packet->options_.find(code);
    return found == packet->options_.end() ? NULL : found->second.get();
}

// An option's content: where Kea holds it, if the option is of the usual kind, or put together in `spare`.
template <typename Usual>
Bytes content(const Pkt4Ptr& packet, uint16_t code, std::vector<uint8_t>& spare) {
    static const uint8_t none = 0;
    const Option* option = find(packet, code);
    if (!option) {
        return Bytes();
    }
    const std::vector<uint8_t>* data = &spare;
    if (typeid(*option) == typeid(Usual)) {
        data = &held(static_cast<const Usual&>(*option));
    } else {
        spare = option->toBinary();
    }
    const Bytes bytes = { data->empty() ? &none : data->data(), data->size() };
    return bytes;
}

uint32_t lease_seconds(const Pkt4Ptr& response) {
    const Option* option = find(response, 51);
    if (!option) {
        return 0;
    }
    if (typeid(*option) == typeid(OptionUint32)) {
        return static_cast<const OptionUint32*>(option)->getValue();
    }
    uint32_t seconds = 0;
    for (uint8_t octet : option->toBinary()) {
        seconds = seconds << 8 | octet;
    }
    return seconds;
}

bool mac_of(const HWAddrPtr& address, uint8_t* mac) {
    if (!address || address->hwaddr_.size() != 6) {
        return false;
    }
    std::copy(address->hwaddr_.begin(), address->hwaddr_.end(), mac);
    return true;
}

// DISCOVER, or REQUEST in INIT-REBOOT (RFC 2131 §4.3.2).
bool boots(const Pkt4Ptr& query) {
    const uint8_t type = query->getType();
    return type == DHCPDISCOVER ||
        (type == DHCPREQUEST && query->getCiaddr().isV4Zero() && !find(query, 54) && find(query, 50));
}

OptionPtr made(const DhcpOption& told) {
    OptionPtr option = boost::make_shared<Option>(Option::V4, told.code);
    option->setData(told.value, told.value + told.length);
    return option;
}

// Options that many answers share, as they share those of Kea's configuration. Kea's threads rest while it is loaded.
std::vector<std::vector<OptionPtr>> prepared;

void apply(const RawResponseEdit& answer, const Pkt4Ptr& response) {
    if (answer.steers) {
        for (uint16_t code : STEERING) {
            response->options_.erase(code);
        }
    }
    if (answer.prepared) {
        for (const OptionPtr& option : prepared.at(answer.prepared - 1)) {
            response->addOption(option);
        }
    }
    for (int i = 0; i < answer.count; ++i) {
        response->options_.erase(answer.options[i].code);
        response->addOption(made(answer.options[i]));
    }
    if (answer.steers || answer.has_siaddr) {
        response->setSiaddr(IOAddress(answer.has_siaddr ? answer.siaddr : 0));
    }
    if (answer.sname_length) {
        response->setSname(answer.sname, answer.sname_length);
    }
    if (answer.file_length) {
        response->setFile(answer.file, answer.file_length);
    }
}

// Runs a callout; what it throws is logged and goes no further.
template <typename Callout>
int guarded(const char* name, Callout callout) {
    try {
        return callout();
    } catch (const std::exception& error) {
        shim_log(2, (std::string(name) + ": " + error.what()).c_str());
    } catch (...) {
        shim_log(2, (std::string(name) + ": an exception of unknown kind").c_str());
    }
    return 1;
}

}  // namespace

extern "C" {

int shim_version() {
    return KEA_HOOKS_VERSION;
}

int shim_load(void* raw) {
    return guarded("load", [raw]() {
        LibraryHandle& handle = *static_cast<LibraryHandle*>(raw);
        const std::string name = isc::process::Daemon::getProcName();
        if (name != "kea-dhcp4") {
            isc_throw(isc::Unexpected, "this hook is for kea-dhcp4, not for " << name);
        }
        const std::string config = text(handle, "config", "/etc/kea/transload.toml");
        const std::string feed = text(handle, "feed", "");
        const char* data = getenv("KEA_DHCP_DATA_DIR");
        const std::string folder = data ? data : "/var/lib/kea";
        const std::string cache = text(handle, "cache", folder + "/transload-verdicts");
        return transload_start(config.c_str(), feed.c_str(), cache.c_str());
    });
}

int shim_unload() {
    return guarded("unload", []() { transload_stop(); return 0; });
}

void shim_prepare(uint32_t number, const RawResponseEdit* answer) {
    guarded("load", [number, answer]() {
        prepared.resize(number - 1);
        prepared.emplace_back();
        for (int i = 0; i < answer->count; ++i) {
            prepared.back().push_back(made(answer->options[i]));
        }
        return 0;
    });
}

int shim_pkt4_send(void* raw) {
    return guarded("pkt4_send", [raw]() {
        CalloutHandle& handle = *static_cast<CalloutHandle*>(raw);
        Pkt4Ptr query, response;
        handle.getArgument("query4", query);
        handle.getArgument("response4", response);
        RawClientMessage question = RawClientMessage();
        if (!query || !response || !mac_of(query->getHWAddr(), question.mac)) {
            return 0;
        }
        question.response = response->getType();
        question.boot = boots(query);
        question.address = response->getYiaddr().toUint32();
        question.seconds = lease_seconds(response);
        std::vector<uint8_t> spare[3];
        question.vendor_class = content<OptionString>(query, 60, spare[0]);
        question.request_list = content<OptionUint8Array>(query, 55, spare[1]);
        question.client_id = content<Option>(query, 61, spare[2]);
        RawResponseEdit answer;
        answer.steers = answer.has_siaddr = answer.count = answer.sname_length = answer.file_length = 0;
        answer.prepared = 0;
        transload_answer(&question, &answer);
        apply(answer, response);
        return 0;
    });
}

// lease4_release, lease4_decline and lease4_expire.
int shim_lease4_gone(void* raw) {
    return guarded("lease4", [raw]() {
        CalloutHandle& handle = *static_cast<CalloutHandle*>(raw);
        Lease4Ptr lease;
        handle.getArgument("lease4", lease);
        uint8_t mac[6];
        if (lease && mac_of(lease->hwaddr_, mac)) {
            transload_freed(mac, lease->addr_.toUint32());
        }
        return 0;
    });
}

void shim_log(int level, const char* text) {
    // A logger must not be what ends a thread of ours.
    try {
        switch (level) {
        case 0: LOG_INFO(logger, TRANSLOAD_HOOK).arg(text); break;
        case 1: LOG_WARN(logger, TRANSLOAD_HOOK).arg(text); break;
        default: LOG_ERROR(logger, TRANSLOAD_HOOK).arg(text); break;
        }
    } catch (...) {
    }
}

}
