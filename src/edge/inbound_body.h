// InboundBody: a body on its way in, the client's or a subrequest's response, and where it goes: nowhere until somebody
// wants it, to the engine as the engine grants, or past the engine into a sink (the wire's `pipe`).
//
// What the engine asks for is checked against the protocol here; it may be in a tenant's hands.
//
// Threads: its loop's.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "edge/engine_voice.h"

namespace weir::edge {

// Above this many bytes waiting for a slow peer whoever fills it holds back.
inline constexpr size_t kPauseBytes = 128u << 10;

// Who reads the body from the network. Neither is called from within a call of the source to its body.
class BodySource {
 public:
  // Reads `bytes` more; without it nothing is read.
  virtual void readBody(uint64_t bytes) = 0;
  // Nobody wants the rest.
  virtual void stopBody() = 0;

 protected:
  ~BodySource() = default;
};

// Where a piped body goes.
class BodySink {
 public:
  // Takes all of it. False: it can take no more; it calls nothing back from within then.
  [[nodiscard]] virtual bool takeBody(std::span<const std::byte> bytes) = 0;
  virtual void endBody() = 0;
  virtual void breakBody(std::string_view reason) = 0;
  // Bytes that wait for the sink's peer.
  virtual size_t bodyPending() const = 0;

 protected:
  ~BodySink() = default;
};

class InboundBody final : private RoomWaiter {
 public:
  // All borrowed; they outlive it.
  InboundBody(BodySource& source, EngineVoice& voice, wire::StreamId stream)
      : source_(source), voice_(voice), stream_(stream) {}
  ~InboundBody();

  InboundBody(const InboundBody&) = delete;
  InboundBody& operator=(const InboundBody&) = delete;

  // ---- asked by the engine; false: the protocol does not allow it now ----
  [[nodiscard]] bool onCredit(uint32_t bytes);
  [[nodiscard]] bool onCancel();
  // The sink is borrowed until endBody, breakBody or `forgetSink`; either may come before this returns.
  [[nodiscard]] bool pipeTo(BodySink& sink);

  // The engine listens no more; what was for it is not wanted.
  void forgetEngine();

  // ---- told by the source ----
  void onBytes(std::span<const std::byte> bytes);
  void onEnd();
  void onBroken(std::string_view reason);

  // ---- told by the sink ----
  void onSinkDrained();
  // It takes no more; the rest is not wanted.
  void forgetSink();

  // Nothing was asked of it yet.
  bool untouched() const { return target_ == Target::kNone; }
  bool piped() const { return target_ == Target::kSink; }
  // More may come of its source.
  bool flowing() const { return arrival_ == Arrival::kFlowing && target_ != Target::kOver; }
  // Nothing will come of it any more, whoever asks.
  bool over() const { return target_ == Target::kOver; }

 private:
  enum class Target { kNone, kEngine, kSink, kOver };
  enum class Arrival { kFlowing, kEnded, kBroken };

  void onRoom() override;
  void sendHeld();
  void ask();
  void finishToEngine();

  BodySource& source_;
  EngineVoice& voice_;
  const wire::StreamId stream_;
  Target target_ = Target::kNone;
  Arrival arrival_ = Arrival::kFlowing;
  std::string reason_;             // of kBroken
  uint64_t credit_ = 0;            // the engine takes so many bytes more
  uint64_t asked_ = 0;             // of those, asked of the source and not here yet
  std::string held_;               // here, while the engine's ring has no room
  EngineFeed* waitsOn_ = nullptr;  // for room
  BodySink* sink_ = nullptr;
  uint64_t owed_ = 0;  // taken by the sink, not asked for again
};

}  // namespace weir::edge
