using System;
using System.Threading;
using Hakmem.Tests.Support;

namespace Hakmem.AspNetCore.Tests.Support;

// Two long-lived threads that do the same at the same moment, round after round: both spin until a round begins, so
// that they start within some nanoseconds of each other.
internal static class RacingPair
{
    // After so many turns a spinning thread gives up its own: the other one may have no processor.
    private const int SpinTurns = 20_000;

    // The first thread prepares each round and checks it when both are done; a check that returns false ends the
    // rounds.
    public static void Run(int rounds, Action<int> prepare, Action race, Func<int, bool> check)
    {
        // Each written by one thread alone, volatile: whoever sees a number sees what was written before it.
        int begun = 0;
        int done = 0;
        bool isOver = false;
        Workers.Run(2, worker =>
        {
            if (worker == 1)
            {
                for (int round = 1; SpinUntil(() => Volatile.Read(ref begun) >= round || Volatile.Read(ref isOver)) && !Volatile.Read(ref isOver); round++)
                {
                    race();
                    Volatile.Write(ref done, round);
                }

                return;
            }

            try
            {
                for (int round = 1; round <= rounds; round++)
                {
                    prepare(round);
                    Volatile.Write(ref begun, round);
                    race();
                    SpinUntil(() => Volatile.Read(ref done) >= round);
                    if (!check(round))
                    {
                        return;
                    }
                }
            }
            finally
            {
                Volatile.Write(ref isOver, true);
            }
        });
    }

    private static bool SpinUntil(Func<bool> condition)
    {
        for (int turn = 1; !condition(); turn++)
        {
            if (turn % SpinTurns == 0)
            {
                Thread.Yield();
            }
        }

        return true;
    }
}
