// SPDX-License-Identifier: Apache-2.0
#include "generator.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <map>
#include <memory>

#include "collisions.hpp"
#include "names.hpp"
#include "options.hpp"

namespace ttrpc_cpp {

namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::io::Printer;
using variables = std::map<std::string, std::string>;

variables variables_of(const FileDescriptor& file) {
    return {{"file", file.name()}, {"stem", stem_of(file)}, {"namespace", namespace_of(file)}};
}

variables variables_of(const ServiceDescriptor& service) {
    return {{"service", service.name()}, {"full_name", service.full_name()}};
}

variables variables_of(const MethodDescriptor& method, int index) {
    return {{"service", method.service()->name()},    {"method", method.name()},
            {"function", function_of(method)},        {"kind", kind_of(method)},
            {"index", std::to_string(index)},         {"in", class_of(*method.input_type())},
            {"out", class_of(*method.output_type())}, {"answer", class_of(*method.output_type())}};
}

// The same template for every kind would hide what a reader of generated code wants to see: its signatures.
const char* handler_declaration(const std::string& kind) {
    if (kind == "unary") {
        return "    virtual ::vminit::awaitable<::vminit::result<$answer$>> $function$(\n"
               "        ::vminit::ttrpc::call_context& call, $in$ request) = 0;\n";
    }
    if (kind == "server_stream") {
        return "    virtual ::vminit::awaitable<::vminit::result<void>> $function$(\n"
               "        ::vminit::ttrpc::call_context& call, $in$ request, ::vminit::ttrpc::writer<$out$>& output) = 0;\n";
    }
    if (kind == "client_stream") {
        return "    virtual ::vminit::awaitable<::vminit::result<$answer$>> $function$(\n"
               "        ::vminit::ttrpc::call_context& call, ::vminit::ttrpc::reader<$in$>& input) = 0;\n";
    }
    return "    virtual ::vminit::awaitable<::vminit::result<void>> $function$(\n"
           "        ::vminit::ttrpc::call_context& call, ::vminit::ttrpc::reader<$in$>& input,\n"
           "        ::vminit::ttrpc::writer<$out$>& output) = 0;\n";
}

const char* client_declaration(const std::string& kind) {
    if (kind == "unary") {
        return "    ::vminit::awaitable<::vminit::result<$out$>> $function$(\n"
               "        $in$ request, ::vminit::ttrpc::call_options options = {});\n";
    }
    if (kind == "server_stream") {
        return "    ::vminit::result<::vminit::ttrpc::receive_stream<$out$>> $function$(\n"
               "        const $in$& request, ::vminit::ttrpc::call_options options = {});\n";
    }
    if (kind == "client_stream") {
        return "    ::vminit::result<::vminit::ttrpc::send_stream<$in$, $out$>> $function$(\n"
               "        ::vminit::ttrpc::call_options options = {});\n";
    }
    return "    ::vminit::result<::vminit::ttrpc::duplex_stream<$in$, $out$>> $function$(\n"
           "        ::vminit::ttrpc::call_options options = {});\n";
}

const char* client_definition(const std::string& kind) {
    if (kind == "unary") {
        return "::vminit::awaitable<::vminit::result<$out$>> $service$Client::$function$(\n"
               "    $in$ request, ::vminit::ttrpc::call_options options) {\n"
               "    return ::vminit::ttrpc::call_unary<$in$, $out$>(\n"
               "        *client_, $service$Service::service_name, \"$method$\", std::move(request), std::move(options));\n"
               "}\n\n";
    }
    if (kind == "server_stream") {
        return "::vminit::result<::vminit::ttrpc::receive_stream<$out$>> $service$Client::$function$(\n"
               "    const $in$& request, ::vminit::ttrpc::call_options options) {\n"
               "    return ::vminit::ttrpc::open_typed_stream<::vminit::ttrpc::receive_stream<$out$>>(\n"
               "        *client_, $service$Service::service_name, \"$method$\", ::vminit::ttrpc::method_kind::$kind$,\n"
               "        &request, std::move(options));\n"
               "}\n\n";
    }
    if (kind == "client_stream") {
        return "::vminit::result<::vminit::ttrpc::send_stream<$in$, $out$>> $service$Client::$function$(\n"
               "    ::vminit::ttrpc::call_options options) {\n"
               "    return ::vminit::ttrpc::open_typed_stream<::vminit::ttrpc::send_stream<$in$, $out$>>(\n"
               "        *client_, $service$Service::service_name, \"$method$\", ::vminit::ttrpc::method_kind::$kind$,\n"
               "        nullptr, std::move(options));\n"
               "}\n\n";
    }
    return "::vminit::result<::vminit::ttrpc::duplex_stream<$in$, $out$>> $service$Client::$function$(\n"
           "    ::vminit::ttrpc::call_options options) {\n"
           "    return ::vminit::ttrpc::open_typed_stream<::vminit::ttrpc::duplex_stream<$in$, $out$>>(\n"
           "        *client_, $service$Service::service_name, \"$method$\", ::vminit::ttrpc::method_kind::$kind$,\n"
           "        nullptr, std::move(options));\n"
           "}\n\n";
}

void for_each_method(const ServiceDescriptor& service, Printer& out, const char* (*text_of)(const std::string& kind),
                     const options& wanted = {}) {
    for (int i = 0; i < service.method_count(); ++i) {
        auto names = variables_of(*service.method(i), i);
        if (wanted.is_serialized(*service.method(i))) names["answer"] = "::vminit::ttrpc::serialized";
        out.Print(names, text_of(names["kind"]));
    }
}

void declare(const ServiceDescriptor& service, const options& wanted, Printer& out) {
    auto names = variables_of(service);
    out.Print(names,
              "/// Implement the methods and register the object with a vminit::ttrpc::server_service.\n"
              "class $service$Service : public ::vminit::ttrpc::service_base {\n"
              "public:\n"
              "    static constexpr std::string_view service_name = \"$full_name$\";\n\n"
              "    std::string_view full_name() const noexcept final;\n"
              "    std::span<const ::vminit::ttrpc::method_info> methods() const noexcept final;\n"
              "    ::vminit::awaitable<::vminit::result<void>> invoke(std::size_t index, ::vminit::ttrpc::server_call& call) final;\n"
              "\n");
    for_each_method(service, out, handler_declaration, wanted);
    out.Print(names,
              "};\n\n"
              "/// Calls $full_name$ on a connection, which must outlive the calls.\n"
              "class $service$Client {\n"
              "public:\n"
              "    explicit $service$Client(::vminit::ttrpc::client& connection) : client_(&connection) {}\n\n");
    for_each_method(service, out, client_declaration);
    out.Print("\nprivate:\n    ::vminit::ttrpc::client* client_;\n};\n\n");
}

void define_table(const ServiceDescriptor& service, Printer& out) {
    auto names = variables_of(service);
    out.Print(names,
              "std::string_view $service$Service::full_name() const noexcept { return service_name; }\n\n"
              "std::span<const ::vminit::ttrpc::method_info> $service$Service::methods() const noexcept {\n");
    if (service.method_count() == 0) {
        out.Print("    return {};\n}\n\n");
        return;
    }
    out.Print("    static constexpr ::vminit::ttrpc::method_info table[] = {\n");
    for (int i = 0; i < service.method_count(); ++i) {
        out.Print(variables_of(*service.method(i), i),
                  "        {\"$method$\", ::vminit::ttrpc::method_kind::$kind$},\n");
    }
    out.Print("    };\n    return table;\n}\n\n");
}

void define_invoke(const ServiceDescriptor& service, Printer& out) {
    out.Print(variables_of(service),
              "::vminit::awaitable<::vminit::result<void>> $service$Service::invoke(\n"
              "    std::size_t index, ::vminit::ttrpc::server_call& call) {\n"
              "    switch (index) {\n");
    for (int i = 0; i < service.method_count(); ++i) {
        out.Print(variables_of(*service.method(i), i),
                  "        case $index$: return ::vminit::ttrpc::serve_$kind$(*this, &$service$Service::$function$, call);\n");
    }
    out.Print("    }\n    return ::vminit::ttrpc::serve_unknown(call);\n}\n\n");
}

void print_header(const FileDescriptor& file, const options& wanted, Printer& out) {
    auto names = variables_of(file);
    out.Print(names,
              "// Generated by protoc-gen-ttrpc-cpp from $file$; do not edit.\n"
              "#pragma once\n\n"
              "#include <cstddef>\n#include <span>\n#include <string_view>\n\n"
              "#include \"$stem$.pb.h\"\n"
              "#include \"vminit/ttrpc/client.hpp\"\n"
              "#include \"vminit/ttrpc/service_base.hpp\"\n\n");
    if (!names["namespace"].empty()) out.Print(names, "namespace $namespace$ {\n\n");
    for (int i = 0; i < file.service_count(); ++i) declare(*file.service(i), wanted, out);
    if (!names["namespace"].empty()) out.Print(names, "}  // namespace $namespace$\n");
}

void print_source(const FileDescriptor& file, const options&, Printer& out) {
    auto names = variables_of(file);
    out.Print(names,
              "// Generated by protoc-gen-ttrpc-cpp from $file$; do not edit.\n"
              "#include \"$stem$.ttrpc.hpp\"\n\n"
              "#include <utility>\n\n");
    if (!names["namespace"].empty()) out.Print(names, "namespace $namespace$ {\n\n");
    for (int i = 0; i < file.service_count(); ++i) {
        define_table(*file.service(i), out);
        define_invoke(*file.service(i), out);
        for_each_method(*file.service(i), out, client_definition);
    }
    if (!names["namespace"].empty()) out.Print(names, "}  // namespace $namespace$\n");
}

}  // namespace

bool generator::Generate(const FileDescriptor* file, const std::string& parameter,
                         google::protobuf::compiler::GeneratorContext* context, std::string* failure) const {
    options wanted;
    if (auto problem = wanted.read(parameter, *file)) {
        *failure = *problem;
        return false;
    }
    if (file->service_count() == 0) return true;
    if (auto problem = naming_problem(*file)) {
        *failure = *problem;
        return false;
    }
    auto write = [&](const char* suffix, void (*print)(const FileDescriptor&, const options&, Printer&)) {
        std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(context->Open(stem_of(*file) + suffix));
        Printer out(stream.get(), '$');
        print(*file, wanted, out);
    };
    write(".ttrpc.hpp", print_header);
    write(".ttrpc.cpp", print_source);
    return true;
}

}  // namespace ttrpc_cpp
