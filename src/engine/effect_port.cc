#include "engine/effect_port.h"

#include <time.h>
#include <unistd.h>

namespace weir::engine {

namespace {

thread_local const std::atomic<bool>* silencedBy = nullptr;

}  // namespace

void EffectPorts::silenceWhen(const std::atomic<bool>* silenced) { silencedBy = silenced; }

EffectPorts::EffectPorts(const std::vector<Port>& ports) {
  for (const Port& port : ports) rings_.push_back(std::make_unique<Ring>(port.memory, port.eventDescriptor));
}

void EffectPorts::write(uint32_t loop, wire::Bytes first, wire::Bytes second) {
  CHECK(loop < rings_.size());
  Ring& ring = *rings_[loop];
  const std::lock_guard lock(ring.mutex);
  constexpr timespec kPause{0, 100'000};
  if (silencedBy != nullptr && silencedBy->load(std::memory_order_relaxed)) return;
  for (int waitedUs = 0; !ring.writer.write(first, second); waitedUs += 100) {
    if (ring.writer.broken() || waitedUs > kStallMsMax * 1000) _exit(3);
    if (ring.writer.takeWake()) {
      const uint64_t one = 1;
      if (::write(ring.eventDescriptor, &one, sizeof one) < 0) _exit(3);
    }
    nanosleep(&kPause, nullptr);
  }
  ring.dirty.store(true, std::memory_order_relaxed);
}

void EffectPorts::emitChunk(wire::InvocationId invocation, wire::StreamId stream, wire::Bytes bytes) {
  thread_local std::vector<uint8_t> scratch;
  scratch.clear();
  scratch.push_back(wire::KindOf<wire::BodyChunk, wire::Effect>::value);
  wire::Encoder encoder(scratch);
  encoder.number(invocation.value);
  encoder.number(stream);
  encoder.number(bytes.size());
  write(invocation.loop(), scratch, bytes);
}

void EffectPorts::emitPiece(const wire::SocketPiece& piece) {
  thread_local std::vector<uint8_t> scratch;
  scratch.clear();
  wire::SocketPiece head = piece;
  head.bytes = {};
  wire::encode<wire::Effect>(head, scratch);
  scratch.pop_back();  // the length of no bytes; the field is the last one
  wire::Encoder(scratch).number(piece.bytes.size());
  write(piece.invocation.loop(), scratch, piece.bytes);
}

void EffectPorts::flush() {
  for (const auto& ring : rings_) {
    if (!ring->dirty.load(std::memory_order_relaxed)) continue;
    bool wake = false;
    {
      const std::lock_guard lock(ring->mutex);
      ring->dirty.store(false, std::memory_order_relaxed);
      wake = ring->writer.takeWake();
    }
    const uint64_t one = 1;
    if (wake && ::write(ring->eventDescriptor, &one, sizeof one) < 0) _exit(3);
  }
}

}  // namespace weir::engine
