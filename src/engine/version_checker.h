// VersionChecker: what an engine does that lives for one check. It runs the top-level scope of one version, says what
// came of it, writes the heap, reads it back, and ends. It has no rings: everything goes over the control socket.
//
// V8's heap for writing is not quite the one that serves (core/late_builtins.js), so a scope that fails there is run
// again in an ordinary isolate, and only what happens there counts against the script.
//
// A scope that takes too long there is watched by V8's profiler when it runs again.
//
// Which functions are worth keeping compiled is found out first: the version is started and asked one request in an
// isolate that is thrown away (rehearsal.h, docs/decisions/0039).
//
// The order of what it says matters to the platform, which believes what was said before the process died:
// VersionFailed; or VersionChecked, then ImageMade. V8 aborts on some heaps that it cannot write, so the second may
// never come: a code cache then needs another engine, because V8 makes none in an isolate whose heap is to be written.
//
// Threads: the main thread watches, one thread runs the script.
#pragma once

#include <node.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/effect_port.h"
#include "engine/rehearsal.h"
#include "engine/script_isolate.h"
#include "engine/turn_clock.h"
#include "wire/codec.h"
#include "wire/control_socket.h"
#include "wire/sealed_blob.h"

namespace weir::engine {

class VersionChecker {
 public:
  VersionChecker(node::MultiIsolatePlatform& platform, v8::StartupData base, uint32_t hashMark,
                 wire::ControlSocket control);

  // Has the platform told that it is ready, waits for the version, checks it, ends the process. Once, on the main
  // thread.
  [[noreturn]] void run(const std::function<void(wire::ControlSocket& control)>& sayReady);

 private:
  void receive();
  void check();
  // Starts the version and asks it a request; what was compiled is in `rehearsed_` when it answered well: for the
  // request, or for the top-level scope too. False: it does not start.
  enum class Compiled : uint8_t { kForRequest, kForAll };
  bool rehearse(Compiled wanted);
  size_t codeBytes() const;  // of all modules
  void answer(Rehearsal& rehearsal);
  void checkAndWriteHeap();
  // From `rehearsed_`, or with everything compiled when that is null. Empty: `reason` says why.
  std::vector<char> makeHeap(std::string& reason);
  void makeCodeCache(const std::string& reason);
  // Runs the top-level scope under watch, and tells the platform when it is the first to pass. `profile`: gets where
  // the time went when it takes too long; null: nobody wants to know.
  bool start(ScriptIsolate& isolate, ScriptIsolate::Failure& failure, std::string* profile);
  bool readBack(const std::vector<char>& heap, std::string& reason);
  std::shared_ptr<const Version> versionWith(wire::StartSource source, std::span<const std::byte> image);
  void watch();
  [[noreturn]] void fail(const ScriptIsolate::Failure& failure, const std::string& profile = {});
  [[noreturn]] void finish(wire::StartSource source, const std::string& reason, std::span<const uint8_t> image);
  template <class Message>
  void send(const Message& message, std::span<const uint8_t> blob);
  static void onOutOfMemory(const char* location, const v8::OOMDetails& details);
  static void onFatalError(const char* location, const char* message);

  node::MultiIsolatePlatform& platform_;
  const v8::StartupData base_;
  const uint32_t hashMark_;
  wire::ControlSocket control_;
  EffectPorts effects_;
  wire::Descriptor bundle_;
  std::shared_ptr<const Version> version_;
  bool writeHeap_ = true;
  bool rehearse_ = true;
  Compiled compiled_ = Compiled::kForAll;
  std::shared_ptr<const Version> rehearsed_;  // with the code cache of a rehearsal that went well

  std::string handlers_;
  bool passed_ = false;
  bool tooSlow_ = false;  // the scope, when it ran without the profiler

  // Shared with the watch.
  std::mutex mutex_;                  // of `isolate_`
  ScriptIsolate* isolate_ = nullptr;  // while its top-level scope runs
  TurnClock clock_;
  std::atomic<uint64_t> limitNs_{0};
  std::atomic<bool> running_{false};
  std::atomic<bool> received_{false};
};

}  // namespace weir::engine
