namespace Hakmem.Benchmarks.Subjects;

/// <summary>Hakmem's shared heap under settings of its own, which have to be in force before its first use: what they cost or gain.</summary>
internal sealed class VariantSubject(string name, string description, params (string Key, string Value)[] settings)
    : AllocatorSubject<HakmemSubject>(name, SubjectRole.Variant, description)
{
    public override void Prepare()
    {
        foreach ((string key, string value) in settings)
        {
            System.AppContext.SetData(key, value);
        }

        base.Prepare();
    }
}
