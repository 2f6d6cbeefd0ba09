#include "vminit/runc/oci_spec.hpp"
#include "fuzz/input.hpp"

using namespace vminit;

namespace {

void relax(std::string_view text, const runc::relax_options& options) {
    auto relaxed = runc::relax_spec(text, options);
    if (!relaxed) return;
    auto again = runc::relax_spec(*relaxed, options);
    test::require(again && *again == *relaxed, "a relaxed spec stays as it is");
    test::require(runc::has_private_pid_namespace(text) == runc::has_private_pid_namespace(*relaxed),
                  "the pid namespace is left alone");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = test::as_text(data, size);
    runc::relax_options options;
    options.bundle = "/run/bundles/b";
    options.limits = test::take_byte(text) % 2 == 0 ? runc::resource_limits::keep : runc::resource_limits::drop;
    relax(text, options);
    auto process = runc::with_terminal(text, runc::terminal_mode::terminal);
    test::require(process.has_value() == runc::check_json_object(text, "process").has_value(), "both judge alike");
    if (process) test::require(runc::check_json_object(*process, "process").has_value(), "the edit is JSON again");
    return 0;
}
