// /spin never returns; /burn takes CPU time for a moment, which shows the engine that runs this script.
const kBurnRounds = 2e7;

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/spin") for (;;);
    let sum = 0;
    if (pathname === "/burn") for (let i = 0; i < kBurnRounds; ++i) sum = (sum + i * 7) | 0;
    return new Response(String(sum));
  },
};
