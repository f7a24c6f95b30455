// EngineVoice: what one invocation says to its engine, from when it has one until the engine has said the last word.
#pragma once

#include "edge/engine_feed.h"

namespace weir::edge {

class EngineVoice {
 public:
  explicit EngineVoice(wire::InvocationId id) : id_(id) {}

  wire::InvocationId id() const { return id_; }

  // `feed` is borrowed until `silence`.
  void speakTo(EngineFeed& feed) { feed_ = &feed; }
  // Done was said, or the engine is gone: nobody there knows the invocation any more.
  void silence() { feed_ = nullptr; }

  // Null: nobody listens.
  EngineFeed* feed() { return feed_; }
  template <class Message>
  void say(const Message& message) {
    if (feed_ != nullptr) feed_->send(message);
  }

 private:
  const wire::InvocationId id_;
  EngineFeed* feed_ = nullptr;
};

}  // namespace weir::edge
