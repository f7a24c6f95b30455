// Content codings (RFC 9110 §8.4) that weir puts on whole bodies: which one a client takes, which bodies are worth it,
// and the coding itself.
//
// Pure. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::http {

enum class ContentCoding : uint8_t { kIdentity, kGzip, kBrotli };

// As in Content-Encoding; empty: identity.
std::string_view nameOf(ContentCoding coding);

// The coding that an Accept-Encoding field likes best, brotli where it likes both alike (RFC 9110 §12.5.3). Identity
// for an absent or malformed field, and where it likes neither.
ContentCoding acceptedCoding(std::string_view acceptEncoding);

// Whether bodies of this media type become smaller: text, and what is written in it.
bool isCompressible(std::string_view contentType);

// The coded body; empty when it is not smaller. `coding` is not identity.
std::vector<std::byte> encodeBody(ContentCoding coding, std::span<const std::byte> body);

}  // namespace weir::http
