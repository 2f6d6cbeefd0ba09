// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include <set>
#include <string_view>

namespace ttrpc_cpp {

namespace {

std::string with_colons(const std::string& dotted) {
    std::string text;
    for (char c : dotted) text += c == '.' ? std::string("::") : std::string(1, c);
    return text;
}

}  // namespace

std::string stem_of(const google::protobuf::FileDescriptor& file) {
    std::string name = file.name();
    constexpr std::string_view suffix = ".proto";
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    return name;
}

std::string namespace_of(const google::protobuf::FileDescriptor& file) { return with_colons(file.package()); }

std::string class_of(const google::protobuf::Descriptor& message) {
    std::string name = message.name();
    if (message.containing_type() == nullptr && is_keyword(name)) name += "_";  // as protoc's own generator does
    for (auto* outer = message.containing_type(); outer != nullptr; outer = outer->containing_type()) {
        name = outer->name() + "_" + name;
    }
    auto scope = namespace_of(*message.file());
    return scope.empty() ? "::" + name : "::" + scope + "::" + name;
}

bool is_keyword(const std::string& word) {
    static const std::set<std::string> keywords = {
        "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
        "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const",
        "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype", "default", "delete", "do", "double",
        "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if",
        "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
        "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires", "return", "short", "signed",
        "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local", "throw",
        "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual", "void", "volatile",
        "wchar_t", "while", "xor", "xor_eq"};
    return keywords.contains(word);
}

std::string function_of(const google::protobuf::MethodDescriptor& method) {
    static const std::set<std::string> taken = {"full_name", "methods", "invoke", "service_name", "client_", "std"};
    const auto& name = method.name();
    const auto& service = method.service()->name();
    bool is_taken = taken.contains(name) || name == service + "Service" || name == service + "Client";
    return is_taken || is_keyword(name) ? name + "_" : name;
}

std::string kind_of(const google::protobuf::MethodDescriptor& method) {
    if (method.client_streaming()) return method.server_streaming() ? "bidi" : "client_stream";
    return method.server_streaming() ? "server_stream" : "unary";
}

}  // namespace ttrpc_cpp
