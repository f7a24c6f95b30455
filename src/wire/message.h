// The messages: events go from the platform to an engine, effects come back. Plain values; strings and bytes are
// views into whoever built or received the message and live as long as that buffer.
//
// Every struct lists its fields once, in `fields`; the codec (codec.h) encodes, bounds and decodes from that list, so
// the two directions cannot disagree. A field's bound is beside it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "wire/bounds.h"
#include "wire/outcome.h"

namespace weir::wire {

using Bytes = std::span<const uint8_t>;

// One invocation of one version, unique in the platform process while it runs: loop (8 bits), generation (24), slot
// (20). Chosen by the platform; an engine only repeats it.
struct InvocationId {
  uint64_t value = 0;
  bool operator==(const InvocationId&) const = default;
  uint32_t loop() const { return static_cast<uint32_t>(value >> 44) & 0xff; }
  static InvocationId make(uint32_t loop, uint32_t generation, uint32_t slot) {
    return {(uint64_t{loop & 0xff} << 44) | (uint64_t{generation & 0xffffff} << 20) | (slot & 0xfffff)};
  }
  uint32_t slot() const { return static_cast<uint32_t>(value) & 0xfffff; }
};

// One immutable upload of a script, numbered by the platform for the life of its process.
struct VersionId {
  uint64_t value = 0;
  bool operator==(const VersionId&) const = default;
};

// 0: the client's request body (inbound) or the response body (outbound). n > 0: of subrequest n.
using StreamId = uint32_t;

enum class BodyKind : uint8_t { kNone = 0, kInline = 1, kStream = 2, kPipe = 3 };
inline constexpr uint64_t kLengthUnknown = ~uint64_t{0};

// Headers as one block: "name\nvalue\nname\nvalue\n". Neither may contain a line feed, so the block needs no escaping
// and is handed to JavaScript as it is.
struct HeadBlock {
  std::string_view text;
  bool operator==(const HeadBlock&) const = default;
};

// ---- notices: on the control socket, in either direction ----------------------------------------------------------

// An engine's first word: it is locked down and takes versions. `confinements` is Confinements::encode().
struct EngineReady {
  uint32_t wireVersion = kWireVersion;
  std::string_view v8Version;
  Bytes confinements;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.wireVersion);
    f.text(s.v8Version, Bounds::kNameBytesMax);
    f.bytes(s.confinements, Bounds::kTextBytesMax);
  }
};

// The sealed blob that comes with this notice; a later message in a ring refers to it by number.
struct BlobSent {
  uint64_t blob = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.blob);
  }
};

// What an isolate of a version starts from: its source, or an image that a check has made (sandbox/version_check.h).
enum class StartSource : uint8_t { kCompiled = 0, kCodeCache = 1, kSnapshot = 2 };

// To an engine that lives for one check: run the top-level scope of the version whose bundle is the sealed blob that
// comes with this notice.
struct CheckVersion {
  bool writeHeap = true;  // else the image is the code cache
  bool rehearse = true;   // the version is asked a request first, to find out which functions to keep compiled
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.flag(s.writeHeap);
    f.flag(s.rehearse);
  }
};

// To a nursery (engine/nursery.h): make an engine for one check. With it come the engine's end of its control socket,
// its output, and the pipe that its wait status goes to.
struct EngineWanted {
  template <class F, class S>
  static void fields(F&, S&) {}
};

// The answer: made, and a pidfd of it comes with this notice; or why not.
struct EngineMade {
  bool made = false;
  std::string_view reason;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.flag(s.made);
    f.text(s.reason, Bounds::kNameBytesMax);
  }
};

enum class StartFailure : uint8_t { kException = 0, kCpu = 1, kMemory = 2, kNoHandlers = 3, kMalformed = 4 };

// The version cannot start: the end of a check, or (as an effect) of an isolate. Text as upload errors have it:
// message, then one line per frame. Of a check whose scope took too long a sealed blob comes with it, where there is
// one: the CPU profile, as JSON.
struct VersionFailed {
  VersionId version;  // 0 in a check
  StartFailure failure = StartFailure::kException;
  std::string_view message;
  std::string_view file;
  uint32_t line = 0;
  uint32_t column = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.version.value);
    f.enumeration(s.failure, StartFailure::kMalformed);
    f.text(s.message, Bounds::kTextBytesMax);
    f.text(s.file, Bounds::kTextBytesMax);
    f.number(s.line);
    f.number(s.column);
  }
};

// A handler's or a method's name as VersionChecked has it: letters, digits, "_" and "$".
constexpr bool isHandlerName(std::string_view name) {
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '_' && c != '$') return false;
  }
  return !name.empty() && name.size() <= Bounds::kHandlerNameBytesMax;
}

// The top-level scope has passed.
struct VersionChecked {
  uint64_t startupUs = 0;     // CPU: compilation and the top-level scope
  std::string_view handlers;  // names, separated by commas
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.startupUs);
    f.text(s.handlers, Bounds::kTextBytesMax);
  }
};

// The last word of a check that passed: the image comes with this notice as a sealed blob, unless there is none.
struct ImageMade {
  StartSource source = StartSource::kCompiled;  // what the image is; kCompiled: there is none
  uint32_t hashMark = 0;                        // of the process that made it
  std::string_view reason;                      // why it is not a heap snapshot
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.enumeration(s.source, StartSource::kSnapshot);
    f.number(s.hashMark);
    f.text(s.reason, Bounds::kTextBytesMax);
  }
};

using Notice = std::variant<EngineReady, BlobSent, CheckVersion, VersionFailed, VersionChecked, ImageMade, EngineWanted,
                            EngineMade>;

// ---- events ------------------------------------------------------------------------------------------------------

// Makes a version known, or gives one that is known an image: isolates made from now on start from that. Modules and
// settings are the sealed blob that the control socket carries with number `bundleBlob` (wire/bundle.h). The image is a
// file of the platform's, read-only, that comes there with number `imageBlob`.
struct LoadVersion {
  VersionId version;
  uint64_t bundleBlob = 0;
  StartSource source = StartSource::kCompiled;  // what the image is; kCompiled: there is none
  uint64_t imageBlob = 0;                       // 0: none
  uint64_t imageHash = 0;  // wire/blob_hash.h; another: the image is not used. 0: it is known to be whole
  uint32_t hashMark = 0;   // of the process that made it; another: the same
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.version.value);
    f.number(s.bundleBlob);
    f.enumeration(s.source, StartSource::kSnapshot);
    f.number(s.imageBlob);
    f.number(s.imageHash);
    f.number(s.hashMark);
  }
};

// No new invocation of this version will come; its isolates may go when idle.
struct DropVersion {
  VersionId version;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.version.value);
  }
};

struct StartFetch {
  InvocationId invocation;
  VersionId version;
  double nowMs = 0;
  BodyKind bodyKind = BodyKind::kNone;  // kNone, kInline or kStream
  uint64_t bodyLength = kLengthUnknown;
  std::string_view method;
  std::string_view url;
  HeadBlock head;
  std::string_view cf;          // JSON; empty: none
  std::string_view entrypoint;  // a named export of the main module; empty: the default one
  std::string_view props;       // JSON: what the service binding it came by adds; empty: nothing
  Bytes body;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.version.value);
    f.real(s.nowMs);
    f.enumeration(s.bodyKind, BodyKind::kPipe);
    f.number(s.bodyLength);
    f.text(s.method, Bounds::kMethodBytesMax);
    f.text(s.url, Bounds::kUrlBytesMax);
    f.head(s.head);
    f.text(s.cf, Bounds::kTextBytesMax);
    f.text(s.entrypoint, Bounds::kNameBytesMax);
    f.text(s.props, Bounds::kTextBytesMax);
    f.bytes(s.body, Bounds::kInlineBodyBytesMax);
  }
};

struct StartScheduled {
  InvocationId invocation;
  VersionId version;
  double nowMs = 0;
  double scheduledMs = 0;
  std::string_view cron;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.version.value);
    f.real(s.nowMs);
    f.real(s.scheduledMs);
    f.text(s.cron, Bounds::kNameBytesMax);
  }
};

// The client went away.
struct CancelInvocation {
  InvocationId invocation;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
  }
};

// The time for waitUntil() work after the response, or after the client left, is over: what is outstanding is cancelled
// and the invocation ends with the outcome it has (reference/runtime-semantics.md §7.1).
struct ExpireInvocation {
  InvocationId invocation;
  bool wallTime = false;  // the time of the whole invocation is over: outcome exceededWallTime
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.flag(s.wallTime);
  }
};

// Status 101: the socket of this number is open.
struct SubresponseHead {
  InvocationId invocation;
  uint32_t subrequest = 0;
  double nowMs = 0;
  uint16_t status = 0;
  bool redirected = false;
  BodyKind bodyKind = BodyKind::kNone;  // kNone, kInline or kStream
  uint64_t bodyLength = kLengthUnknown;
  std::string_view statusText;
  std::string_view url;
  HeadBlock head;
  Bytes body;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.subrequest);
    f.real(s.nowMs);
    f.number(s.status);
    f.flag(s.redirected);
    f.enumeration(s.bodyKind, BodyKind::kPipe);
    f.number(s.bodyLength);
    f.text(s.statusText, Bounds::kStatusTextBytesMax);
    f.text(s.url, Bounds::kUrlBytesMax);
    f.head(s.head);
    f.bytes(s.body, Bounds::kInlineBodyBytesMax);
  }
};

enum class SubrequestFailure : uint8_t {
  kConnectionLost = 0,
  kOther = 1,
  kRedirectRefused = 2,
  kTooManyRedirects = 3,
  kException = 4,   // of the script that a service binding names: `name` and `message` are that exception's
  kOverloaded = 5,  // the platform has no room for it
};

struct SubrequestFailed {
  InvocationId invocation;
  uint32_t subrequest = 0;
  double nowMs = 0;
  SubrequestFailure failure = SubrequestFailure::kConnectionLost;
  std::string_view name;  // of an error class; empty: Error
  std::string_view message;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.subrequest);
    f.real(s.nowMs);
    f.enumeration(s.failure, SubrequestFailure::kOverloaded);
    f.text(s.name, Bounds::kTextBytesMax);
    f.text(s.message, Bounds::kTextBytesMax);
  }
};

// The answer to a CountRate.
struct RateCounted {
  InvocationId invocation;
  uint32_t call = 0;
  double nowMs = 0;
  bool within = false;  // its limit
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.call);
    f.real(s.nowMs);
    f.flag(s.within);
  }
};

// Stop soon: finish what runs, then end the process.
struct Shutdown {
  template <class F, class S>
  static void fields(F&, S&) {}
};

// Read me. The platform sends one to an engine whose event ring has been empty for a while: one that does not read it
// is stuck (sandbox/answer_watch.h). The engine answers with its EngineLoad.
struct Ping {
  template <class F, class S>
  static void fields(F&, S&) {}
};

// ---- both directions ---------------------------------------------------------------------------------------------

struct BodyChunk {
  InvocationId invocation;
  StreamId stream = 0;
  Bytes bytes;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.stream);
    f.bytes(s.bytes, Bounds::kChunkBytesMax);
  }
};

struct BodyEnd {
  InvocationId invocation;
  StreamId stream = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.stream);
  }
};

// The source failed: the receiver sees a broken body.
struct BodyAbort {
  InvocationId invocation;
  StreamId stream = 0;
  std::string_view reason;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.stream);
    f.text(s.reason, Bounds::kTextBytesMax);
  }
};

// The receiver has room for so many more bytes.
struct BodyCredit {
  InvocationId invocation;
  StreamId stream = 0;
  uint32_t bytes = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.stream);
    f.number(s.bytes);
  }
};

// The receiver does not want the rest.
struct BodyCancel {
  InvocationId invocation;
  StreamId stream = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.stream);
  }
};

// ---- WebSockets, both directions ---------------------------------------------------------------------------------
//
// A socket has the number that its stream would have: 0 is the client's, opened by a Respond with status 101; n > 0 is
// that of subrequest n, opened by a SubresponseHead with status 101.
//
// A piece may be sent while the receiver's credit is above zero and costs socketPieceCost(); the last one may overdraw
// it. The platform starts with no credit: it gets some when the script accepts the socket. The engine starts with
// kSocketWindowBytes.

enum class SocketMessageKind : uint8_t { kText = 0, kBinary = 1 };

// The next piece of a message; all pieces of one message have its kind. Text from the platform is UTF-8 as a whole.
struct SocketPiece {
  InvocationId invocation;
  StreamId socket = 0;
  SocketMessageKind kind = SocketMessageKind::kText;
  bool last = false;
  Bytes bytes;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.socket);
    f.enumeration(s.kind, SocketMessageKind::kBinary);
    f.flag(s.last);
    f.bytes(s.bytes, Bounds::kChunkBytesMax);
  }
};

constexpr int64_t socketPieceCost(size_t bytes) { return static_cast<int64_t>(bytes) + 64; }

enum class SocketEnd : uint8_t {
  kClosed = 0,  // the sender's close frame; the other direction goes on
  kLost = 1,    // both directions are over: to the engine, the peer has gone; to the platform, give the connection up
  kBroken = 2,  // as kLost, because the peer broke the protocol; to the engine only
};

struct SocketClose {
  static constexpr uint16_t kNoStatus = 1005;  // a close frame without a code
  InvocationId invocation;
  StreamId socket = 0;
  SocketEnd end = SocketEnd::kClosed;
  uint16_t code = kNoStatus;
  std::string_view reason;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.socket);
    f.enumeration(s.end, SocketEnd::kBroken);
    f.number(s.code);
    f.text(s.reason, Bounds::kSocketReasonBytesMax);
  }
};

struct SocketCredit {
  InvocationId invocation;
  StreamId socket = 0;
  uint32_t bytes = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.socket);
    f.number(s.bytes);
  }
};

// A redirect wants the request body of a replayable subrequest once more. The engine answers BodyAbort of that stream,
// which ends the first sending, and sends it again from the start with a whole window.
struct ReplayBody {
  InvocationId invocation;
  StreamId stream = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.stream);
  }
};

// ---- effects -----------------------------------------------------------------------------------------------------

// Status 101 opens socket 0: kStream for one that the script holds, kPipe for one that the platform joins with socket
// `pipeFrom`, neither entering the engine again.
struct Respond {
  InvocationId invocation;
  uint16_t status = 200;
  BodyKind bodyKind = BodyKind::kNone;
  StreamId pipeFrom = 0;  // kPipe: the inbound stream whose bytes are the body
  uint64_t bodyLength = kLengthUnknown;
  std::string_view statusText;
  HeadBlock head;
  Bytes body;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.status);
    f.enumeration(s.bodyKind, BodyKind::kPipe);
    f.number(s.pipeFrom);
    f.number(s.bodyLength);
    f.text(s.statusText, Bounds::kStatusTextBytesMax);
    f.head(s.head);
    f.bytes(s.body, Bounds::kInlineBodyBytesMax);
  }
};

// In the place of a Respond: the client's request goes on to what stands behind the script, as if there were none, and
// is answered there. The body as it came: none, at hand, or stream 0 that nobody has touched.
struct Forward {
  InvocationId invocation;
  bool failedOpen = false;  // the script failed and had called passThroughOnException(); else it did not respond
  BodyKind bodyKind = BodyKind::kNone;  // kNone, kInline or kPipe
  Bytes body;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.flag(s.failedOpen);
    f.enumeration(s.bodyKind, BodyKind::kPipe);
    f.bytes(s.body, Bounds::kInlineBodyBytesMax);
  }
};

// In the place of a Respond: the handler failed, and its client is to be told so now; what it waits for goes on.
struct Fail {
  InvocationId invocation;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
  }
};

enum class Redirect : uint8_t { kFollow = 0, kManual = 1, kError = 2 };

struct Subrequest {
  InvocationId invocation;
  uint32_t subrequest = 0;
  Redirect redirect = Redirect::kFollow;
  BodyKind bodyKind = BodyKind::kNone;
  StreamId pipeFrom = 0;
  uint64_t bodyLength = kLengthUnknown;
  uint32_t service = 0;     // 0: the network. n: the version's n-th service binding
  bool replayable = false;  // kStream: the engine keeps the body and sends it anew when asked (ReplayBody)
  std::string_view method;
  std::string_view url;
  HeadBlock head;
  Bytes body;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.subrequest);
    f.number(s.service);
    f.flag(s.replayable);
    f.enumeration(s.redirect, Redirect::kError);
    f.enumeration(s.bodyKind, BodyKind::kPipe);
    f.number(s.pipeFrom);
    f.number(s.bodyLength);
    f.text(s.method, Bounds::kMethodBytesMax);
    f.text(s.url, Bounds::kUrlBytesMax);
    f.head(s.head);
    f.bytes(s.body, Bounds::kInlineBodyBytesMax);
  }
};

struct CancelSubrequest {
  InvocationId invocation;
  uint32_t subrequest = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.subrequest);
  }
};

// A call of a rate limit binding, numbered from 1 within its invocation. Counts `delta` for `key` unless `limit` is
// reached already; answered at once by RateCounted.
struct CountRate {
  InvocationId invocation;
  uint32_t call = 0;
  uint32_t limiter = 0;  // the version's n-th rate limit binding, from 1
  uint32_t limit = 0;
  uint32_t periodSeconds = 0;  // isRatePeriod()
  uint32_t delta = 0;
  std::string_view key;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.number(s.call);
    f.number(s.limiter);
    f.number(s.limit);
    f.number(s.periodSeconds);
    f.number(s.delta);
    f.text(s.key, Bounds::kRateKeyBytesMax);
  }
};

constexpr bool isRatePeriod(uint64_t seconds) { return seconds == 10 || seconds == 60; }

enum class LogLevel : uint8_t { kDebug = 0, kInfo = 1, kLog = 2, kWarn = 3, kError = 4 };

struct LogLine {
  InvocationId invocation;
  LogLevel level = LogLevel::kLog;
  double timestampMs = 0;
  std::string_view message;  // JSON array of the arguments
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.enumeration(s.level, LogLevel::kError);
    f.real(s.timestampMs);
    f.text(s.message, Bounds::kLogBytesMax);
  }
};

struct ExceptionThrown {
  InvocationId invocation;
  double timestampMs = 0;
  std::string_view name;
  std::string_view message;
  std::string_view stack;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.real(s.timestampMs);
    f.text(s.name, Bounds::kTextBytesMax);
    f.text(s.message, Bounds::kTextBytesMax);
    f.text(s.stack, Bounds::kTextBytesMax);
  }
};

// Last effect of an invocation. Whatever it still had outstanding is cancelled.
struct Done {
  InvocationId invocation;
  Outcome outcome = Outcome::kUnknown;
  bool failOpen = false;  // passThroughOnException was called
  uint64_t cpuUs = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.invocation.value);
    f.enumeration(s.outcome, Outcome::kAborted);
    f.flag(s.failOpen);
    f.number(s.cpuUs);
  }
};

// An isolate of the version started.
struct IsolateStarted {
  VersionId version;
  StartSource source = StartSource::kCompiled;
  uint64_t startupUs = 0;  // CPU, isolate made to handlers found
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.version.value);
    f.enumeration(s.source, StartSource::kSnapshot);
    f.number(s.startupUs);
  }
};

enum class IsolateEnd : uint8_t { kEvicted = 0, kCpu = 1, kMemory = 2, kParked = 3, kDropped = 4 };

// An isolate takes no new invocation. After kParked the engine has lost a thread to it and wants to be replaced.
struct IsolateEnded {
  VersionId version;
  IsolateEnd reason = IsolateEnd::kEvicted;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.version.value);
    f.enumeration(s.reason, IsolateEnd::kDropped);
  }
};

// Answer to Ping: what the engine's isolates hold.
struct EngineLoad {
  uint32_t isolates = 0;
  uint64_t heapBytes = 0;
  uint32_t invocations = 0;
  uint32_t parkedThreads = 0;
  template <class F, class S>
  static void fields(F& f, S& s) {
    f.number(s.isolates);
    f.number(s.heapBytes);
    f.number(s.invocations);
    f.number(s.parkedThreads);
  }
};

using Event = std::variant<LoadVersion, DropVersion, StartFetch, StartScheduled, CancelInvocation, SubresponseHead,
                           SubrequestFailed, BodyChunk, BodyEnd, BodyAbort, BodyCredit, BodyCancel, Shutdown,
                           ExpireInvocation, Ping, SocketPiece, SocketClose, SocketCredit, ReplayBody, RateCounted>;

using Effect = std::variant<Respond, Subrequest, CancelSubrequest, LogLine, ExceptionThrown, Done, IsolateStarted,
                            VersionFailed, IsolateEnded, EngineLoad, BodyChunk, BodyEnd, BodyAbort, BodyCredit,
                            BodyCancel, SocketPiece, SocketClose, SocketCredit, Forward, Fail, CountRate>;

}  // namespace weir::wire
