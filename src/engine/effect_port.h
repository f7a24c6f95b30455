// Where effects leave an engine: one ring per platform loop. Any engine thread may emit; a lock per ring makes them
// take turns. Wake-ups are batched: emit marks the ring, flush() wakes the loops that sleep.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "wire/codec.h"
#include "wire/ring.h"

namespace weir::engine {

class EffectPorts {
 public:
  struct Port {
    void* memory;         // ring memory, mapped for the life of the process
    int eventDescriptor;  // eventfd of the loop
  };
  explicit EffectPorts(const std::vector<Port>& ports);

  size_t count() const { return rings_.size(); }

  // Waits while the ring is full; a loop that does not read for kStallMsMax has gone, and so does this process.
  template <class Message>
  void emit(uint32_t loop, const Message& message) {
    thread_local std::vector<uint8_t> scratch;
    scratch.clear();
    wire::encode<wire::Effect>(message, scratch);
    write(loop, scratch, {});
  }
  // A body chunk, its bytes copied once, into the ring.
  void emitChunk(wire::InvocationId invocation, wire::StreamId stream, wire::Bytes bytes);
  // The same for a piece of a WebSocket message.
  void emitPiece(const wire::SocketPiece& piece);

  // From now on what the calling thread emits is dropped while `silenced` is true: somebody else has spoken for it. Who
  // sets it may emit next and knows that nothing of the thread comes after that.
  static void silenceWhen(const std::atomic<bool>* silenced);

  // Wakes every loop that has something new and sleeps. Any thread.
  void flush();

 private:
  static constexpr int kStallMsMax = 10'000;
  struct Ring {
    std::mutex mutex;
    wire::RingWriter writer;
    int eventDescriptor;
    std::atomic<bool> dirty{false};
    Ring(void* memory, int descriptor) : writer(memory, wire::Bounds::kEffectRingBytes), eventDescriptor(descriptor) {}
  };
  void write(uint32_t loop, wire::Bytes first, wire::Bytes second);

  std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace weir::engine
