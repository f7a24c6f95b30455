// Codec: one compression or decompression in progress, a step at a time.
//
// Its memory, the library's included, comes from the allocator of the heap's buffers: it counts as the script's and is
// refused as theirs. One thread at a time.
#pragma once

#include <v8.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace weir::web::compression {

// RFC 1952, RFC 1950, RFC 1951, RFC 7932
enum class Format : uint8_t { kGzip, kDeflate, kDeflateRaw, kBrotli };

std::optional<Format> formatOf(std::string_view name);

class Codec {
 public:
  enum class State : uint8_t {
    kMore,      // all of the input is taken, or `out` is full
    kFinished,  // the last byte is out; input behind it is not taken
    kBroken,    // the input is not of the format; the codec is of no further use
    kNoMemory,  // what it needs was refused; likewise
  };
  struct Step {
    State state;
    size_t consumed;
    size_t produced;
  };

  // Null: no memory. `allocator` outlives the codec.
  static std::unique_ptr<Codec> open(Format format, bool compress, v8::ArrayBuffer::Allocator& allocator);
  virtual ~Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // `last`: nothing comes behind `in`. Call again with the rest while input is left or `out` came back full.
  virtual Step step(std::span<const uint8_t> in, bool last, std::span<uint8_t> out) = 0;

 protected:
  Codec() = default;
};

}  // namespace weir::web::compression
