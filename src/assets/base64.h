// Base64 (RFC 4648): the bytes of files in uploads, and the parts of tokens.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::assets {

// With "+/", with or without padding; line breaks between characters are skipped. Nullopt: other characters, bits left
// over, padding in the wrong place, or more than `bytesMax` bytes.
std::optional<std::vector<std::byte>> decodeBase64(std::string_view text, size_t bytesMax);

// With "-_" and without padding, as tokens have it.
std::string encodeBase64Url(std::span<const std::byte> bytes);
std::optional<std::vector<std::byte>> decodeBase64Url(std::string_view text, size_t bytesMax);

}  // namespace weir::assets
