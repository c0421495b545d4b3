using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Tests.Concurrency;

// Takes a model through every order of its threads' steps and every value that each load may see: depth first, every state once.
//
// Programs are iterators, which cannot be copied, so going back means running the model again up to the choice. A state's key has a thread's
// variables by the results it has seen so far, of which they are a function.
internal static class Explorer
{
    // Beyond what any model here has: a model that grew out of bounds fails instead of running for ever.
    private const int MaxStates = 3_000_000;

    public static Exploration Explore(Func<Model> create)
    {
        HashSet<UInt128> seen = [];
        List<(List<ModelTransition> Ways, int Taken)> path = [];
        int steps = 0;
        do
        {
            ModelExecution run = new(create());
            try
            {
                path.ForEach(choice => run.Take(choice.Ways[choice.Taken]));
                steps++;
                while (seen.Add(run.Key()))
                {
                    List<ModelTransition> ways = run.Enabled();
                    if (ways.Count == 0)
                    {
                        run.CheckEnd();
                        break;
                    }

                    path.Add((ways, 0));
                    steps++;
                    run.Take(ways[0]);
                }
            }
            catch (ModelViolation violation)
            {
                return new Exploration(seen.Count, steps, violation.Message, [.. run.Trace]);
            }

            if (seen.Count > MaxStates)
            {
                throw new InvalidOperationException($"The model has more than {MaxStates} states.");
            }
        }
        while (TryNextWay(path));

        return new Exploration(seen.Count, steps, null, []);
    }

    private static bool TryNextWay(List<(List<ModelTransition> Ways, int Taken)> path)
    {
        while (path.Count > 0)
        {
            (List<ModelTransition> ways, int taken) = path[^1];
            path.RemoveAt(path.Count - 1);
            if (taken + 1 < ways.Count)
            {
                path.Add((ways, taken + 1));
                return true;
            }
        }

        return false;
    }
}
