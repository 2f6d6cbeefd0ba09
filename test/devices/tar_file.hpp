// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace vminit::test {

enum class tar_dialect { ustar, pax, gnu };

/// Writes a tar byte by byte, so that a test can say anything in it. It ends with the object.
class tar_file {
public:
    explicit tar_file(const std::string& path, tar_dialect dialect = tar_dialect::ustar)
        : out_(path, std::ios::binary), dialect_(dialect) {}
    ~tar_file() { close(); }

    /// Types: '0' file, '1' hard link, '2' symbolic link, '5' directory, '6' fifo.
    tar_file& add(const std::string& name, const std::string& content, unsigned mode = 0644, char type = '0',
                  const std::string& link = {}) {
        if (dialect_ == tar_dialect::pax) put("pax", pax_record("path", name), 0644, 'x', {});
        if (dialect_ == tar_dialect::gnu) put("././@LongLink", name + std::string(1, '\0'), 0644, 'L', {});
        put(dialect_ == tar_dialect::ustar ? name : name.substr(0, 99), content, mode, type, link);
        return *this;
    }

    void close() {
        if (!out_.is_open()) return;
        out_ << std::string(1024, '\0');
        out_.close();
    }

private:
    static std::string pax_record(const std::string& key, const std::string& value) {
        std::string rest = " " + key + "=" + value + "\n";
        std::size_t length = rest.size() + 1;
        while (std::to_string(length).size() + rest.size() != length) ++length;
        return std::to_string(length) + rest;
    }

    void put(const std::string& name, const std::string& content, unsigned mode, char type, const std::string& link) {
        char header[512] = {};
        name.copy(header, 100);
        std::snprintf(header + 100, 8, "%07o", mode);
        std::snprintf(header + 108, 8, "%07o", 0U);
        std::snprintf(header + 116, 8, "%07o", 0U);
        std::snprintf(header + 124, 12, "%011lo", static_cast<unsigned long>(content.size()));
        std::snprintf(header + 136, 12, "%011o", 0U);
        header[156] = type;
        link.copy(header + 157, 100);
        std::memcpy(header + 257, "ustar\00000", 8);
        std::memset(header + 148, ' ', 8);
        unsigned sum = 0;
        for (char byte : header) sum += static_cast<unsigned char>(byte);
        std::snprintf(header + 148, 7, "%06o", sum);
        out_.write(header, sizeof header);
        out_ << content << std::string((512 - content.size() % 512) % 512, '\0');
    }

    std::ofstream out_;
    tar_dialect dialect_;
};

}  // namespace vminit::test
