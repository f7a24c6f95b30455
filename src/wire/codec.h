// Messages to bytes and back, without I/O. One byte of kind, then the fields in order: integers as LEB128, reals as
// 8 bytes, text and bytes as a length and the bytes. A message is decoded only if it is exactly one message: every
// bound kept, every enumerator known, no byte left over.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "wire/message.h"

namespace weir::wire {

// Appends to a buffer that the caller keeps and reuses; grows it, never shrinks it.
class Encoder {
 public:
  explicit Encoder(std::vector<uint8_t>& out) : out_(out) {}

  template <class T>
  void number(const T& value) {
    static_assert(std::is_unsigned_v<T>);
    uint8_t buffer[10];
    size_t n = 0;
    uint64_t rest = value;
    while (rest >= 0x80) {
      buffer[n++] = static_cast<uint8_t>(rest) | 0x80;
      rest >>= 7;
    }
    buffer[n++] = static_cast<uint8_t>(rest);
    append(buffer, n);
  }
  void real(const double& value) { append(&value, sizeof value); }
  void flag(const bool& value) { number(static_cast<uint8_t>(value)); }
  template <class T>
  void enumeration(const T& value, T) {
    number(static_cast<std::underlying_type_t<T>>(value));
  }
  void text(const std::string_view& value, size_t) {
    number(value.size());
    append(value.data(), value.size());
  }
  void bytes(const Bytes& value, size_t) {
    number(value.size());
    append(value.data(), value.size());
  }
  void head(const HeadBlock& value) { text(value.text, 0); }

 private:
  void append(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    out_.insert(out_.end(), bytes, bytes + size);
  }
  std::vector<uint8_t>& out_;
};

// Reads one message; every failure is sticky and makes `ok()` false. Views point into `input`.
class Decoder {
 public:
  explicit Decoder(Bytes input) : at_(input.data()), end_(input.data() + input.size()) {}

  bool ok() const { return ok_; }
  bool atEnd() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  template <class T>
  void number(T& value) {
    uint64_t result = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return fail();
      const uint8_t byte = *at_++;
      if (shift == 63 && byte > 1) return fail();
      result |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) {
        if (byte == 0 && shift > 0) return fail();  // one spelling per number: decode and encode are inverse
        if (result > static_cast<uint64_t>(static_cast<T>(~T{0}))) return fail();
        value = static_cast<T>(result);
        return;
      }
    }
    fail();
  }
  void real(double& value) {
    if (static_cast<size_t>(end_ - at_) < sizeof value) return fail();
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    if (!(value >= 0 && value <= 8.64e15)) fail();  // every real here is a time in milliseconds
  }
  void flag(bool& value) {
    uint8_t number8 = 0;
    number(number8);
    if (number8 > 1) return fail();
    value = number8 == 1;
  }
  template <class T>
  void enumeration(T& value, T last) {
    std::underlying_type_t<T> raw = 0;
    number(raw);
    if (raw > static_cast<std::underlying_type_t<T>>(last)) return fail();
    value = static_cast<T>(raw);
  }
  void text(std::string_view& value, size_t max) {
    const Bytes view = take(max);
    value = {reinterpret_cast<const char*>(view.data()), view.size()};
  }
  void bytes(Bytes& value, size_t max) { value = take(max); }
  void head(HeadBlock& value);

 private:
  void fail() {
    ok_ = false;
    at_ = end_;
  }
  Bytes take(size_t max) {
    uint64_t size = 0;
    number(size);
    if (!ok_) return {};
    if (size > max || size > static_cast<size_t>(end_ - at_)) {
      fail();
      return {};
    }
    const Bytes view{at_, static_cast<size_t>(size)};
    at_ += size;
    return view;
  }

  const uint8_t* at_;
  const uint8_t* end_;
  bool ok_ = true;
};

// True when `text` is a head block: an even number of lines, each ended, none with NUL or CR, at most kHeaderCountMax
// pairs, names not empty.
bool isHeadBlock(std::string_view text);

inline void Decoder::head(HeadBlock& value) {
  text(value.text, Bounds::kHeadBytesMax);
  if (ok_ && !isHeadBlock(value.text)) fail();
}

template <class T, class Variant>
struct KindOf;
template <class T, class... Rest>
struct KindOf<T, std::variant<T, Rest...>> : std::integral_constant<uint8_t, 0> {};
template <class T, class First, class... Rest>
struct KindOf<T, std::variant<First, Rest...>>
    : std::integral_constant<uint8_t, 1 + KindOf<T, std::variant<Rest...>>::value> {};

// Appends `message` to `out`. `Set` is Event or Effect.
template <class Set, class Message>
void encode(const Message& message, std::vector<uint8_t>& out) {
  out.push_back(KindOf<Message, Set>::value);
  Encoder encoder(out);
  Message::fields(encoder, message);
}

template <class Set>
void encodeAny(const Set& set, std::vector<uint8_t>& out) {
  std::visit([&](const auto& message) { encode<Set>(message, out); }, set);
}

// Calls `sink(message)` with the decoded message; its views point into `input`. False: not a message, sink not called.
template <class Set, class Sink>
bool decodeTo(Bytes input, Sink&& sink) {
  if (input.empty()) return false;
  const uint8_t kind = input[0];
  const Bytes rest = input.subspan(1);
  return [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    bool done = false;
    const auto tryOne = [&]<size_t kOne>(std::integral_constant<size_t, kOne>) {
      if (kind != kOne) return false;
      std::variant_alternative_t<kOne, Set> message;
      Decoder decoder(rest);
      decltype(message)::fields(decoder, message);
      if (decoder.ok() && decoder.atEnd()) {
        sink(message);
        done = true;
      }
      return true;
    };
    (void)(tryOne(std::integral_constant<size_t, kIndex>{}) || ...);
    return done;
  }
  (std::make_index_sequence<std::variant_size_v<Set>>{});
}

// A record that is one BodyChunk, decoded from a copy of its first bytes. The chunk's bytes stay where the peer wrote
// them and may still be changing: only for who passes them on without looking. Nullopt: not a BodyChunk.
template <class Set>
std::optional<BodyChunk> decodeChunk(Bytes record) {
  constexpr size_t kPrefixBytesMax = 1 + 10 + 5 + 3;  // kind, invocation, stream, length
  uint8_t prefix[kPrefixBytesMax];
  const size_t copied = std::min(record.size(), kPrefixBytesMax);
  if (copied == 0) return std::nullopt;
  std::memcpy(prefix, record.data(), copied);
  if (prefix[0] != KindOf<BodyChunk, Set>::value) return std::nullopt;
  Decoder decoder({prefix + 1, copied - 1});
  BodyChunk chunk;
  uint32_t size = 0;
  decoder.number(chunk.invocation.value);
  decoder.number(chunk.stream);
  decoder.number(size);
  if (!decoder.ok() || size > Bounds::kChunkBytesMax) return std::nullopt;
  if (record.size() - (copied - decoder.left()) != size) return std::nullopt;
  chunk.bytes = record.last(size);
  return chunk;
}
static_assert(Bounds::kChunkBytesMax < 1u << 21, "a chunk's length takes at most three bytes");

template <class Set>
std::optional<Set> decode(Bytes input) {
  std::optional<Set> result;
  decodeTo<Set>(input, [&](const auto& message) { result.emplace(message); });
  return result;
}

}  // namespace weir::wire
