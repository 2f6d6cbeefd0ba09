// SPDX-License-Identifier: Apache-2.0
#include "kernel_modules.hpp"

#include <arpa/inet.h>
#include <libkmod.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "archive.hpp"

namespace vminit::image {

namespace {

constexpr std::size_t largest_module = std::size_t{256} << 20;
constexpr std::string_view signature_mark = "~Module signature appended~\n";

struct kmod_closer {
    void operator()(::kmod_ctx* context) const noexcept { ::kmod_unref(context); }
    void operator()(::kmod_module* module) const noexcept { ::kmod_module_unref(module); }
    void operator()(::kmod_list* list) const noexcept { ::kmod_module_unref_list(list); }
};
template <class T>
using kmod_handle = std::unique_ptr<T, kmod_closer>;

class load_order {
public:
    explicit load_order(::kmod_ctx* context) : context_(context) {}

    result<void> add(const std::string& name) {
        ::kmod_list* found = nullptr;
        int failed = ::kmod_module_new_from_lookup(context_, name.c_str(), &found);
        kmod_handle<::kmod_list> list(found);
        if (failed < 0)
            return error(error_code(-failed, boost::system::system_category()), "look for the module " + name);
        if (!list) return error(errc::not_found, "this kernel has no module " + name);
        ::kmod_list* at = nullptr;
        kmod_list_foreach(at, list.get()) {
            kmod_handle<::kmod_module> module(::kmod_module_get_module(at));
            add(module.get());
        }
        return {};
    }

    std::vector<std::string> paths() && { return std::move(paths_); }

private:
    // Depth first. Soft needs may go in a circle: a module that has begun is not begun again.
    void add(::kmod_module* module) {
        std::string name = ::kmod_module_get_name(module);
        if (std::find(begun_.begin(), begun_.end(), name) != begun_.end()) return;
        begun_.push_back(std::move(name));
        ::kmod_list* before = nullptr;
        ::kmod_list* after = nullptr;
        if (::kmod_module_get_softdeps(module, &before, &after) >= 0) {
            add_all(before);
            ::kmod_module_unref_list(after);
        }
        add_all(::kmod_module_get_dependencies(module));
        // One without a file is built in.
        if (const char* path = ::kmod_module_get_path(module)) paths_.emplace_back(path);
    }

    void add_all(::kmod_list* given) {
        kmod_handle<::kmod_list> list(given);
        // Of a module's needs, those come last that have no needs themselves.
        for (::kmod_list* at = ::kmod_list_last(list.get()); at != nullptr; at = ::kmod_list_prev(list.get(), at)) {
            kmod_handle<::kmod_module> module(::kmod_module_get_module(at));
            add(module.get());
        }
    }

    ::kmod_ctx* context_;
    std::vector<std::string> begun_;
    std::vector<std::string> paths_;
};

}  // namespace

result<std::vector<std::string>> modules_in_load_order(const std::string& directory,
                                                       const std::vector<std::string>& needed,
                                                       const std::vector<std::string>& usual) {
    // No configuration: what this machine blacklists is nothing to the guest.
    const char* no_configuration[] = {nullptr};
    kmod_handle<::kmod_ctx> context(::kmod_new(directory.c_str(), no_configuration));
    if (!context) return error(errc::resource_exhausted, "libkmod");
    int failed = ::kmod_load_resources(context.get());
    if (failed < 0)
        return error(error_code(-failed, boost::system::system_category()),
                     "read the indexes of " + directory + " (depmod makes them)");
    load_order order(context.get());
    for (const auto& name : usual) {
        auto added = order.add(name);
        if (!added && added.error().kind() != errc::not_found) return added.error().within(directory);
    }
    for (const auto& name : needed) {
        auto added = order.add(name);
        if (!added) return added.error().within(directory);
    }
    return std::move(order).paths();
}

result<std::string> module_bytes(const std::string& path, bool keeps_signature) {
    auto bytes = decompressed(path, largest_module);
    if (bytes && !keeps_signature) remove_signature(*bytes);
    return bytes;
}

void remove_signature(std::string& module) {
    constexpr std::size_t description = 12;
    if (!module.ends_with(signature_mark) || module.size() < signature_mark.size() + description) return;
    std::uint32_t length = 0;
    auto end = module.size() - signature_mark.size();
    std::memcpy(&length, module.data() + end - sizeof length, sizeof length);
    length = ntohl(length);
    if (length > end - description) return;
    module.resize(end - description - length);
}

}  // namespace vminit::image
