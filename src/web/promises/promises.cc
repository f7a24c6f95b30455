#include "web/promises/promises.h"

#include "js/bytes.h"

namespace weir::web::promises {

namespace {

using js::Arguments;

// -1 for anything but a promise; else as host.d.ts says.
void promiseState(const Arguments& args) {
  if (!args[0]->IsPromise()) return args.GetReturnValue().Set(-1);
  switch (args[0].As<v8::Promise>()->State()) {
    case v8::Promise::kPending: return args.GetReturnValue().Set(0);
    case v8::Promise::kFulfilled: return args.GetReturnValue().Set(1);
    case v8::Promise::kRejected: return args.GetReturnValue().Set(2);
  }
}

// The value or reason of a settled promise; undefined for anything else.
void promiseResult(const Arguments& args) {
  if (!args[0]->IsPromise()) return;
  auto promise = args[0].As<v8::Promise>();
  if (promise->State() != v8::Promise::kPending) args.GetReturnValue().Set(promise->Result());
}

// https://tc39.es/proposal-is-error/
void isError(const Arguments& args) { args.GetReturnValue().Set(args[0]->IsNativeError()); }

constexpr js::Native kNatives[] = {
    {"promiseState", promiseState},
    {"promiseResult", promiseResult},
    {"isError", isError},
};

}  // namespace

std::span<const js::Native> natives() { return kNatives; }

}  // namespace weir::web::promises
