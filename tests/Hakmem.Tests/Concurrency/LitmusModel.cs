using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Tests.Concurrency;

// The classic few-line programs that tell memory models apart. Each thread's results, in order, make the outcome.
internal sealed class LitmusModel : Model
{
    private readonly List<int>[] _results;
    private readonly ISet<string> _outcomes;

    public LitmusModel(ISet<string> outcomes, params Func<LitmusModel, ModelThread, IEnumerable<ModelOp>>[] programs)
    {
        _outcomes = outcomes;
        _results = [.. programs.Select(_ => new List<int>())];
        X = NewCell("x");
        Y = NewCell("y");
        for (int index = 0; index < programs.Length; index++)
        {
            ModelThread thread = NewThread($"thread {index}");
            thread.Program = Record(programs[index](this, thread), thread, _results[index]);
        }
    }

    public ModelCell X { get; }

    public ModelCell Y { get; }

    public override void CheckEnd() => _outcomes.Add(string.Join(" | ", _results.Select(results => string.Join(",", results))));

    private static IEnumerator<ModelOp> Record(IEnumerable<ModelOp> program, ModelThread thread, List<int> results)
    {
        foreach (ModelOp op in program)
        {
            yield return op;
            if (op.Kind is ModelOpKind.Load or ModelOpKind.LoadAcquire or ModelOpKind.Exchange)
            {
                results.Add(thread.Result);
            }
        }
    }
}
