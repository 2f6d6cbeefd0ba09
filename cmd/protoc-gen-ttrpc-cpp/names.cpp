#include "names.hpp"

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
    for (auto* outer = message.containing_type(); outer != nullptr; outer = outer->containing_type()) {
        name = outer->name() + "_" + name;
    }
    auto scope = namespace_of(*message.file());
    return scope.empty() ? "::" + name : "::" + scope + "::" + name;
}

std::string kind_of(const google::protobuf::MethodDescriptor& method) {
    if (method.client_streaming()) return method.server_streaming() ? "bidi" : "client_stream";
    return method.server_streaming() ? "server_stream" : "unary";
}

}  // namespace ttrpc_cpp
