#include "http/websocket/frame_encoder.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "base/byte_text.h"
#include "base/check.h"
#include "base/text.h"

namespace weir::http::websocket {
namespace {

using base::asBytes;

constexpr size_t kKeptBytes = 128 * 1024;  // capacity the compression buffer may keep

}  // namespace

std::array<uint8_t, 4> SystemMaskSource::next() {
  if (at_ == page_.size()) {
    for (size_t got = 0; got < page_.size();) {
      const ssize_t step = getrandom(page_.data() + got, page_.size() - got, 0);
      if (step > 0) got += static_cast<size_t>(step);
    }
    at_ = 0;
  }
  std::array<uint8_t, 4> mask;
  std::memcpy(mask.data(), page_.data() + at_, mask.size());
  at_ += mask.size();
  return mask;
}

FrameEncoder::FrameEncoder(Role role, const std::optional<DeflateParameters>& deflate, MaskSource* masks)
    : role_(role), masks_(masks) {
  CHECK(role == Role::kServer || masks != nullptr);
  if (!deflate) return;
  if (role == Role::kServer) {
    deflater_.emplace(deflate->serverWindowBits, deflate->serverNoContextTakeover);
  } else {
    deflater_.emplace(deflate->clientWindowBits, deflate->clientNoContextTakeover);
  }
  if (!deflater_->usable()) deflater_.reset();
}

void FrameEncoder::piece(MessageKind kind, std::span<const std::byte> bytes, bool last, std::string& out) {
  uint8_t first = last ? 0x80 : 0;
  if (!inMessage_) {
    first |= kind == MessageKind::kText ? 0x1 : 0x2;
    compressing_ = deflater_ && (!last || bytes.size() >= kWorthCompressingBytes);
    if (compressing_) first |= 0x40;
  }
  inMessage_ = !last;
  if (!compressing_) return frame(first, bytes, out);
  deflated_.clear();
  deflater_->piece(bytes, last, deflated_);
  frame(first, asBytes(deflated_), out);
  if (deflated_.capacity() > kKeptBytes) std::string().swap(deflated_);
}

void FrameEncoder::close(uint16_t code, std::string_view reason, std::string& out) {
  if (code == kNoStatus) return control(0x8, {}, out);
  reason = base::cutText(reason, kReasonBytesMax);
  std::array<std::byte, kControlBytesMax> payload;
  payload[0] = static_cast<std::byte>(code >> 8);
  payload[1] = static_cast<std::byte>(code & 0xff);
  if (!reason.empty()) std::memcpy(payload.data() + 2, reason.data(), reason.size());
  control(0x8, std::span(payload).first(2 + reason.size()), out);
}

void FrameEncoder::control(uint8_t opcode, std::span<const std::byte> payload, std::string& out) {
  CHECK(payload.size() <= kControlBytesMax);
  frame(0x80 | opcode, payload, out);
}

void FrameEncoder::frame(uint8_t first, std::span<const std::byte> payload, std::string& out) {
  const size_t size = payload.size();
  const uint8_t maskBit = role_ == Role::kClient ? 0x80 : 0;
  char header[14];
  size_t n = 0;
  header[n++] = static_cast<char>(first);
  if (size <= 125) {
    header[n++] = static_cast<char>(maskBit | size);
  } else if (size <= 0xffff) {
    header[n++] = static_cast<char>(maskBit | 126);
    header[n++] = static_cast<char>(size >> 8);
    header[n++] = static_cast<char>(size & 0xff);
  } else {
    header[n++] = static_cast<char>(maskBit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) header[n++] = static_cast<char>(uint64_t{size} >> shift & 0xff);
  }
  if (role_ == Role::kServer) {
    out.append(header, n);
    if (size > 0) out.append(reinterpret_cast<const char*>(payload.data()), size);
    return;
  }
  const auto mask = masks_->next();
  std::memcpy(header + n, mask.data(), mask.size());
  out.append(header, n + mask.size());
  const size_t at = out.size();
  out.resize(at + size);
  const auto* from = reinterpret_cast<const char*>(payload.data());
  for (size_t i = 0; i < size; ++i) out[at + i] = static_cast<char>(from[i] ^ static_cast<char>(mask[i % 4]));
}

}  // namespace weir::http::websocket
