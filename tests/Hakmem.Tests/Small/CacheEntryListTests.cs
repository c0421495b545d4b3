using System.Collections.Generic;
using System.Threading;
using CsCheck;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Small;

// The list that startup can afford, against the framework's.
public sealed class CacheEntryListTests
{
    [Fact]
    public void ItHoldsWhatAListWouldHold()
    {
        Gen<(int Kind, int Pick)> step = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 1_000]);
        step.List[0, 200].Sample(steps =>
        {
            CacheEntryList items = new();
            List<CacheEntry> model = [];
            foreach ((int kind, int pick) in steps)
            {
                Step(items, model, kind, pick);
                Assert.Equal(model.Count, items.Count);
                for (int i = 0; i < model.Count; i++)
                {
                    Assert.Same(model[i], items[i]);
                }
            }
        });
    }

    private static void Step(CacheEntryList items, List<CacheEntry> model, int kind, int pick)
    {
        int index = model.Count == 0 ? -1 : pick % model.Count;
        switch (kind)
        {
            case 0 when index >= 0:
                Assert.Same(model[index], items.RemoveAt(index));
                RemoveAt(model, index);
                break;
            case 1 when index >= 0:
                items.Remove(model[index]);
                RemoveAt(model, index);
                break;
            case 2 when index >= 0:
                model[index] = NewEntry();
                items[index] = model[index];
                break;
            case 3:
                items.Remove(NewEntry());
                break;
            case 4 when pick % 20 == 0:
                items.Clear();
                model.Clear();
                break;
            default:
                model.Add(NewEntry());
                items.Add(model[^1]);
                break;
        }
    }

    private static CacheEntry NewEntry() => new(Thread.CurrentThread);

    private static void RemoveAt(List<CacheEntry> model, int index)
    {
        model[index] = model[^1];
        model.RemoveAt(model.Count - 1);
    }
}
