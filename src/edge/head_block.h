// Heads and bytes as the wire has them and as HTTP has them.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "http/header_list.h"
#include "wire/message.h"

namespace weir::edge {

// The fields of a head from an engine, without those that frame a message: framing is the platform's.
http::HeaderList headersOf(wire::HeadBlock head);
void appendHead(std::string& out, const http::HeaderList& headers);

inline std::span<const std::byte> asBytes(wire::Bytes bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}
inline wire::Bytes asWire(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

// Calls `emit` with pieces of `bytes` that one message can carry.
template <class Emit>
void inChunks(std::span<const std::byte> bytes, Emit&& emit) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min<size_t>(bytes.size(), wire::Bounds::kChunkBytesMax));
    emit(part);
    bytes = bytes.subspan(part.size());
  }
}

}  // namespace weir::edge
