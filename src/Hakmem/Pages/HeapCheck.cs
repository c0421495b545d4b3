using System.Collections.Generic;
using System.Globalization;
using Hakmem.Records;

namespace Hakmem.Pages;

// Collects the problems that a check of a heap's records finds. The constructor allocates all memory, because rules are
// checked under locks; the texts are made afterwards. Not thread-safe.
internal sealed class HeapCheck(int maxSpans)
{
    // Problems beyond this many are counted, but not described.
    public const int MaxDescribed = 100;

    private readonly Problem[] _problems = new Problem[MaxDescribed];
    private readonly (int BinIndex, int Unit)[] _spans = new (int BinIndex, int Unit)[maxSpans];

    public int ProblemCount { get; private set; }

    public int SuperSlabs { get; set; }

    public int SpanCount { get; private set; }

    // Records a problem unless a rule holds. rule is a sentence about the record at the address; found is its actual
    // value.
    public void Require(bool holds, string rule, nuint address, long found = 0)
    {
        if (holds)
        {
            return;
        }

        if (ProblemCount < MaxDescribed)
        {
            _problems[ProblemCount] = new Problem(rule, address, found);
        }

        ProblemCount++;
    }

    // Records a span, whose blocks are checked later, under its depot's lock.
    public void AddSpan(int binIndex, int unit)
    {
        if (SpanCount < _spans.Length)
        {
            _spans[SpanCount++] = (binIndex, unit);
        }
    }

    public (int BinIndex, int Unit) SpanAt(int index) => _spans[index];

    public List<string> Describe()
    {
        List<string> texts = [];
        for (int i = 0; i < ProblemCount && i < MaxDescribed; i++)
        {
            Problem problem = _problems[i];
            texts.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"at 0x{(ulong)problem.Address:x}: {problem.Rule} (found {problem.Found})"));
        }

        if (ProblemCount > MaxDescribed)
        {
            texts.Add(string.Create(CultureInfo.InvariantCulture, $"and {ProblemCount - MaxDescribed} more"));
        }

        return texts;
    }

    private readonly record struct Problem(string Rule, nuint Address, long Found);
}
