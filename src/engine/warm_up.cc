#include "engine/warm_up.h"

#include <string>
#include <string_view>

#include "engine/own_script.h"
#include "engine/rehearsal.h"
#include "engine/script_isolate.h"

namespace weir::engine {

namespace {

constexpr std::string_view kScript = R"(
const answers = new Map([["/", () => Response.json({ a: [1, true, "x"] })]]);
export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    return answers.get(pathname)();
  },
};
)";

}  // namespace

bool warmUp(node::MultiIsolatePlatform& platform, const v8::StartupData& base) {
  const auto version = makeOwnScript("nursery", kScript);
  if (!version) return false;
  TurnClock clock;
  clock.attach();
  ScriptIsolate::Failure failure;
  {
    Rehearsal rehearsal(platform, base, version, clock);
    const ScriptIsolate::Turn turn(rehearsal.isolate());
    if (!rehearsal.isolate().start(failure)) return false;
    if (rehearsal.play({"GET", "https://script.example/", ""}) != 200) return false;
    (void)rehearsal.isolate().codeCaches();
  }
  EffectPorts effects({});
  ScriptIsolate isolate({platform, base, effects}, 2, version, js::Heap::Purpose::kSnapshot);
  {
    const ScriptIsolate::Turn turn(isolate);
    if (!isolate.start(failure)) return false;
  }
  std::string reason;
  return !isolate.writeHeap(reason).empty();
}

}  // namespace weir::engine
