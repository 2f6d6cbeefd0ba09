// SPDX-License-Identifier: Apache-2.0
#include "pod_network.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tool.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::shim {

namespace json = boost::json;

namespace {

std::string record_file(const std::string& directory) { return directory + "/network.json"; }

// Unique as the directory is, and short enough for an interface's name with the card's number.
std::string tap_prefix(const std::string& directory) {
    boost::crc_32_type sum;
    sum.process_bytes(directory.data(), directory.size());
    return fmt::format("vm{:08x}", sum.checksum());
}

struct identity {
    dev_t device = 0;
    ino_t number = 0;
    friend bool operator==(const identity&, const identity&) = default;
};

result<identity> identity_of(const std::string& path) {
    struct stat status{};
    auto looked = syscalls::attempt("stat", path, [&] { return ::stat(path.c_str(), &status); });
    if (!looked) return looked.error();
    return identity{status.st_dev, status.st_ino};
}

// Redirecting this machine's own traffic into a VM would take it off the network.
result<void> check_namespace(const std::string& path) {
    auto wanted = identity_of(path);
    if (!wanted) return wanted.error();
    auto own = identity_of("/proc/self/ns/net");
    if (!own) return own.error();
    if (*wanted == *own) return error(errc::invalid_argument, path + ": is the host's own");
    if (wanted->device != own->device) return error(errc::invalid_argument, path + ": is no network namespace");
    return {};
}

// `-force` goes on after what is gone already.
tool undo_call(const char* program, std::string commands, const std::string& network_namespace) {
    tool call({program, "-force", "-batch", "-"});
    call.input = std::move(commands);
    call.network_namespace = network_namespace;
    return call;
}

std::vector<tool> undo_calls(const network_record& record) {
    std::string ingress, links;
    for (const auto& interface : record.interfaces) ingress += fmt::format("qdisc del dev {} ingress\n", interface);
    for (const auto& tap : record.taps) links += fmt::format("link del dev {}\n", tap);
    std::vector<tool> calls;
    calls.push_back(undo_call("tc", std::move(ingress), record.network_namespace));
    calls.push_back(undo_call("ip", std::move(links), record.network_namespace));
    return calls;
}

awaitable<void> undo_record(asio::io_context& context, network_record record) {
    // A namespace that is gone has taken all with it.
    if (!check_namespace(record.network_namespace)) co_return;
    auto calls = undo_calls(record);
    for (auto& call : calls) {
        // What it complains about is what was not there.
        auto done = co_await output_of(context, std::move(call));
        if (!done) log_of(context).debug("undoing the network", {{"error", done.error()}});
    }
}

std::vector<std::string> texts_at(const json::object& object, const char* name) {
    std::vector<std::string> texts;
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_array()) return texts;
    for (const auto& each : value->get_array()) {
        if (each.is_string()) texts.emplace_back(each.get_string());
    }
    return texts;
}

}  // namespace

std::string record_text(const network_record& record) {
    json::object object;
    object["namespace"] = record.network_namespace;
    for (const auto& [name, texts] : {std::pair("interfaces", &record.interfaces), std::pair("taps", &record.taps)}) {
        json::array array;
        for (const auto& text : *texts) array.emplace_back(text);
        object[name] = std::move(array);
    }
    return json::serialize(object);
}

result<network_record> parse_record(std::string_view text) {
    error_code failure;
    auto document = json::parse(json::string_view(text.data(), text.size()), failure);
    const auto* object = failure ? nullptr : document.if_object();
    const auto* path = object == nullptr ? nullptr : object->if_contains("namespace");
    if (path == nullptr || !path->is_string()) return error(errc::invalid_argument, "not a network's record");
    network_record record;
    record.network_namespace = std::string(path->get_string());
    record.interfaces = texts_at(*object, "interfaces");
    record.taps = texts_at(*object, "taps");
    return record;
}

pod_network::pod_network(asio::io_context& context, std::string directory)
    : context_(context), directory_(std::move(directory)) {}

awaitable<result<std::string>> pod_network::in_namespace(std::vector<std::string> command, std::string input) {
    tool call(std::move(command));
    call.input = std::move(input);
    call.network_namespace = path_;
    co_return co_await output_of(context_, std::move(call));
}

awaitable<result<netns_facts>> pod_network::read_facts() {
    std::vector<std::string> texts;
    std::vector<std::vector<std::string>> commands{{"ip", "-json", "address", "show"},
                                                   {"ip", "-json", "-4", "route", "show"},
                                                   {"ip", "-json", "-6", "route", "show"}};
    for (auto& command : commands) {
        auto text = co_await in_namespace(std::move(command), std::string());
        if (!text) co_return text.error();
        texts.push_back(std::move(*text));
    }
    co_return parse_netns_facts(texts[0], texts[1], texts[2]);
}

// An interface has one ingress: who makes it owns the interface's traffic, and two VMs can never share it by mistake.
awaitable<result<void>> pod_network::claim(std::string interface) {
    std::vector<std::string> command{"tc", "qdisc", "add", "dev", interface, "ingress"};
    auto done = co_await in_namespace(std::move(command), std::string());
    if (!done) {
        auto what = fmt::format("{} cannot be redirected to the VM (does another one have it?): {}", interface,
                                done.error().message());
        co_return error(errc::failed_precondition, std::move(what));
    }
    made_.interfaces.push_back(std::move(interface));
    co_return result<void>();
}

awaitable<result<void>> pod_network::set_up() {
    made_.network_namespace = path_;
    auto interfaces = plan_.interfaces;
    for (const auto& interface : interfaces) {
        auto claimed = co_await claim(interface);
        if (!claimed) co_return claimed;
    }
    for (const auto& card : plan_.cards) made_.taps.push_back(card.tap);
    auto recorded = make_directories(directory_, 0700);
    if (recorded) recorded = replace_file(record_file(directory_), record_text(made_), 0600);
    if (!recorded) co_return recorded;
    std::vector<std::string> ip{"ip", "-batch", "-"};
    auto made = co_await in_namespace(std::move(ip), plan_.ip_commands);
    if (!made) co_return made.error();
    std::vector<std::string> tc{"tc", "-batch", "-"};
    auto redirected = co_await in_namespace(std::move(tc), plan_.tc_commands);
    if (!redirected) co_return redirected.error();
    co_return result<void>();
}

awaitable<result<void>> pod_network::prepare(network_wish wish) {
    if (wish.mode == network_mode::user) plan_ = plan_user_network();
    if (wish.mode != network_mode::name_space || wish.path.empty()) co_return result<void>();
    if (auto fits = check_namespace(wish.path); !fits) co_return fits.error().within("network namespace");
    path_ = std::move(wish.path);
    auto facts = co_await read_facts();
    auto plan = facts ? plan_pod_network(*facts, tap_prefix(directory_)) : result<pod_network_plan>(facts.error());
    if (!plan) co_return plan.error().within("network");
    plan_ = std::move(*plan);
    for (const auto& remark : plan_.remarks) log_of(context_).info("network", {{"remark", remark}});
    if (plan_.cards.empty()) co_return result<void>();
    auto done = co_await set_up();
    if (done) co_return done;
    co_await undo();
    co_return done.error().within("network");
}

void pod_network::add_to(vmm::vm_plan& plan) const {
    plan.cards = plan_.cards;
    plan.kernel_words.insert(plan.kernel_words.end(), plan_.kernel_words.begin(), plan_.kernel_words.end());
    plan.network_namespace = path_;
    // A VMM without a network has no business in ours, and who looks for the container's network at the pid that it was
    // told (ctr's --cni) must not find the host's.
    plan.has_new_network = path_.empty() && plan_.cards.empty();
}

awaitable<void> pod_network::undo() {
    auto made = std::exchange(made_, {});
    plan_ = {};
    path_.clear();
    if (made.network_namespace.empty()) co_return;
    co_await undo_record(context_, std::move(made));
    ::unlink(record_file(directory_).c_str());
}

awaitable<result<void>> undo_recorded_network(asio::io_context& context, std::string directory) {
    auto text = read_file(record_file(directory));
    if (!text && syscalls::is_errno(text.error(), ENOENT)) co_return result<void>();
    if (!text) co_return text.error();
    auto record = parse_record(*text);
    if (!record) co_return record.error().within(record_file(directory));
    co_await undo_record(context, std::move(*record));
    ::unlink(record_file(directory).c_str());
    co_return result<void>();
}

}  // namespace vminit::shim
