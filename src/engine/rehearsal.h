// Rehearsal: an isolate of a version that is thrown away, and who stands in the platform's place for it: reads its
// effects, answers its subrequests, lets its timers fire at once. What it is for is the code that V8 compiles
// meanwhile: a code cache taken afterwards holds just the functions that were called.
//
// Nothing of it reaches anybody. It is bounded: what it is asked for in too many steps counts as not answered.
//
// Threads: one. Between the calls the isolate's clock does not run.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/effect_port.h"
#include "engine/script_isolate.h"
#include "engine/turn_clock.h"
#include "wire/ring.h"

namespace weir::engine {

class Rehearsal {
 public:
  struct Request {
    std::string_view method;
    std::string_view url;
    std::string_view body;
  };

  // `clock` is of the thread that plays, and attached.
  Rehearsal(node::MultiIsolatePlatform& platform, const v8::StartupData& base, std::shared_ptr<const Version> version,
            TurnClock& clock);

  ScriptIsolate& isolate() { return isolate_; }

  // Both want the isolate started, and inside a turn. The status of the response, once the invocation has ended well;
  // 0: there was none, or it did not.
  uint16_t play(const Request& request);
  // 200 when it ended well.
  uint16_t playScheduled();

 private:
  struct Heard;
  uint16_t goOn(wire::InvocationId id, Heard& heard);
  bool listen(wire::InvocationId id, Heard& heard);
  template <class Message>
  void deliver(const Message& message);
  void finish(uint32_t seq);

  // Zero, as it comes from the kernel: most of it is never touched.
  struct Unmap {
    void operator()(uint8_t* memory) const;
  };
  std::unique_ptr<uint8_t, Unmap> memory_;
  wire::RingReader reader_;
  EffectPorts effects_;
  TurnClock& clock_;
  ScriptIsolate isolate_;
  uint64_t played_ = 0;
};

}  // namespace weir::engine
