// SPDX-License-Identifier: Apache-2.0
// What of protobuf-lite a static vminitd does without: definitions of our own keep the archive members that hold the
// originals out, and with them libstdc++'s locales (0.6 MB). Linked only where VMINIT_STATIC is set. Should a newer
// protobuf need more of those members, the linker reports symbols defined twice.

#include <arpa/inet.h>
#include <google/protobuf/extension_set.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/stubs/port.h>

#include <stdexcept>
#include <string>

namespace google::protobuf {

std::uint32_t ghtonl(std::uint32_t value) { return htonl(value); }

LogHandler* SetLogHandler(LogHandler*) { return nullptr; }  // there is nothing to handle, see below

namespace internal {

// protobuf's words (a string that is not UTF-8, a message that is too long) are not printed: the call that fails of it
// answers with the reason, and a peer must not be able to flood the console.
LogMessage::LogMessage(LogLevel level, const char* filename, int line)
    : level_(level), filename_(filename), line_(line) {}
LogMessage::~LogMessage() = default;

LogMessage& LogMessage::operator<<(const std::string& value) {
    message_ += value;
    return *this;
}
LogMessage& LogMessage::operator<<(const char* value) {
    message_ += value;
    return *this;
}
LogMessage& LogMessage::operator<<(int value) {
    message_ += std::to_string(value);
    return *this;
}
LogMessage& LogMessage::operator<<(uint value) {
    message_ += std::to_string(value);
    return *this;
}
LogMessage& LogMessage::operator<<(unsigned long value) {
    message_ += std::to_string(value);
    return *this;
}

// As protobuf's own: a broken invariant is an exception, which the call's barrier turns into a failed call.
void LogMessage::Finish() {
    if (level_ == LOGLEVEL_FATAL) throw std::logic_error("protobuf: " + message_);
}

void LogFinisher::operator=(LogMessage& message) { message.Finish(); }

// Extensions are proto2's; all our messages are proto3. The library's tables name these two all the same.
const char* ExtensionSet::ParseField(std::uint64_t, const char*, const MessageLite*, InternalMetadata*, ParseContext*) {
    return nullptr;  // a message that cannot be parsed
}
std::uint8_t* ExtensionSet::_InternalSerializeImpl(const MessageLite*, int, int, std::uint8_t* target,
                                                   io::EpsCopyOutputStream*) const {
    return target;
}

}  // namespace internal
}  // namespace google::protobuf
