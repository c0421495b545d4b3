using System;
using CsCheck;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Properties;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Tags;

// Generated sequences on a tree of tags, against a model. A failure prints the shrunk sequence and its seed.
[Category(TestCategory.Stress)]
public sealed class TagPropertyTests
{
    private static readonly Gen<TagStep> s_step = Gen.Select(
        Gen.Frequency(
            (30, TagAction.Alloc),
            (5, TagAction.AllocAligned),
            (28, TagAction.Free),
            (14, TagAction.Resize),
            (5, TagAction.Expand),
            (3, TagAction.Replace),
            (1, TagAction.Trim)),
        Gen.Int[0, 99],
        Gen.Int[0, 999],
        Gen.Int[0, 99],
        Generators.Bytes,
        (action, tag, slot, by, bytes) => new TagStep(action, tag, slot, by, bytes));

    public static TheoryData<string> Kinds { get; } = ["Standard", "Checked", "Full", "Sampled", "Fallback"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AnySequenceKeepsEveryTagsFigureExact(string kind)
    {
        s_step.Array[1, 200].Sample(
            steps =>
            {
                using TagModel model = new([MemoryTagTests.New(kind), MemoryTagTests.New(kind)]);
                foreach (TagStep step in steps)
                {
                    model.Take(step);
                    model.Check();
                }

                model.Finish();
            },
            iter: kind == "Standard" ? 100 : 20,
            print: Print);
    }

    // What the system refuses is refused in the middle of a call, and nothing is lost or counted twice.
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(13)]
    public void RefusedSystemCallsLeaveTheFiguresExact(int everyNth)
    {
        s_step.Array[50, 200].Sample(
            steps =>
            {
                using TestArena test = new();
                int calls = 0;
                using TagModel model = new([New(test), New(test)]) { IsSystemRefusing = true };
                test.Os.Refuse(_ => ++calls % everyNth == 0);
                foreach (TagStep step in steps)
                {
                    TakeOrRefuse(model, step);
                    model.Check();
                }

                Assert.NotEqual(0, calls);
                test.Os.RefuseNone();
                model.Finish();
            },
            iter: 20,
            print: Print);
    }

    private static HakmemAllocator New(TestArena test) =>
        new(new HakmemOptions { SuperSlabCacheCount = 2 }, test.Arena);

    // The first tag of a heap needs memory for a table, and throws where there is none.
    private static void TakeOrRefuse(TagModel model, TagStep step)
    {
        try
        {
            model.Take(step);
        }
        catch (OutOfMemoryException refusal)
        {
            Assert.Contains("could not reserve", refusal.Message, StringComparison.Ordinal);
        }
    }

    private static string Print(TagStep[] steps) => string.Join("\n", (object[])steps);
}
