// SPDX-License-Identifier: Apache-2.0
#include "collisions.hpp"

#include <map>
#include <set>
#include <sstream>

#include "names.hpp"

namespace ttrpc_cpp {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

// What protoc's own generator declares in the package's namespace, and what it is.
class declared_names {
public:
    explicit declared_names(const FileDescriptor& file) : package_(file.package()) { add(file); }

    std::optional<std::string> find(const std::string& name) const {
        auto found = names_.find(name);
        if (found == names_.end()) return std::nullopt;
        return found->second;
    }

private:
    void add(const FileDescriptor& file) {
        if (!seen_.insert(&file).second) return;
        for (int i = 0; i < file.dependency_count(); ++i) add(*file.dependency(i));
        if (file.package() != package_) return;
        for (int i = 0; i < file.message_type_count(); ++i) add(*file.message_type(i), "");
        for (int i = 0; i < file.enum_type_count(); ++i) add(*file.enum_type(i), "");
    }

    void add(const Descriptor& message, const std::string& outer) {
        auto name = outer + message.name();
        names_[name] = "message " + message.full_name() + " of " + message.file()->name();
        for (int i = 0; i < message.nested_type_count(); ++i) add(*message.nested_type(i), name + "_");
        for (int i = 0; i < message.enum_type_count(); ++i) add(*message.enum_type(i), name + "_");
    }

    void add(const EnumDescriptor& listed, const std::string& outer) {
        names_[outer + listed.name()] = "enum " + listed.full_name() + " of " + listed.file()->name();
        for (int i = 0; i < listed.value_count(); ++i) {
            names_[outer + listed.value(i)->name()] = "a value of enum " + listed.full_name();
        }
    }

    std::string package_;
    std::set<const FileDescriptor*> seen_;
    std::map<std::string, std::string> names_;
};

std::optional<std::string> problem_of_methods(const ServiceDescriptor& service) {
    std::set<std::string> functions;
    for (int i = 0; i < service.method_count(); ++i) {
        auto function = function_of(*service.method(i));
        if (functions.insert(function).second) continue;
        return "service " + service.full_name() + ": two methods would be the C++ function " + function;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> naming_problem(const FileDescriptor& file) {
    std::istringstream parts(file.package());
    for (std::string part; std::getline(parts, part, '.');) {
        if (is_keyword(part)) return "package " + file.package() + ": " + part + " is a word of C++";
    }
    declared_names declared(file);
    for (int i = 0; i < file.service_count(); ++i) {
        const auto& service = *file.service(i);
        for (const char* suffix : {"Service", "Client"}) {
            auto name = service.name() + suffix;
            if (auto other = declared.find(name)) {
                return "service " + service.full_name() + ": its class " + name + " would have the name of " + *other;
            }
        }
        if (auto problem = problem_of_methods(service)) return problem;
    }
    return std::nullopt;
}

}  // namespace ttrpc_cpp
